/**
 * Why a computation failed. Memory that was asked for in vain does not end the process, and another attempt, or the same
 * one with less beside it, may find some.
 */
export function failureCode(thrown: unknown): 'out_of_memory' | 'generation_failed' {
  // ONNX Runtime (`std::bad_alloc`, its arena's and its providers' own words), then V8 (`Array buffer allocation failed`).
  const isMemory = /bad_alloc|bad allocation|failed to allocate|out of memory|allocation failed/i;
  return isMemory.test(String(thrown)) ? 'out_of_memory' : 'generation_failed';
}
