#!/usr/bin/env node
import { runMusicgen } from './run.ts';

process.exitCode = await runMusicgen(process.argv.slice(2));
