/** What the embedded model knows how to follow, and others can follow too, by short names. */
export const examples = {
  'Calm lofi': 'calm lofi with soft piano and dusty drums, 80 bpm',
  'Late jazz': 'smooth jazz with walking upright bass and tenor sax, 110 bpm',
  'Piano ballad': 'tender solo piano ballad in E flat major',
  'Acid techno': 'driving techno with acid bass, 128 bpm',
  'Slow ambient': 'slow ambient pads with distant bells',
  'Brass funk': 'upbeat funk with slap bass and brass, 105 bpm',
} as const;
