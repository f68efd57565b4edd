export type * from '@musicgen/contract';
export { ApiError } from './api-error.ts';
export { type Client, createClient } from './client.ts';
export type { FollowOptions, TaskUpdate, WaitOptions } from './follow.ts';
export type { Retry } from './retry.ts';
export { failureOf } from './task-failure.ts';
export type { ListQuery, SubmitOptions } from './tasks.ts';
export type { CallOptions, ClientOptions } from './transport.ts';
