import { Command } from 'commander';
import type { Context } from '../context.ts';
import { convertCommand } from './convert.ts';
import { listCommand } from './list.ts';
import { pullCommand } from './pull.ts';
import { removeCommand } from './remove.ts';
import { verifyCommand } from './verify.ts';

/** `musicgen models …` */
export function modelsCommand(context: Context): Command {
  const commands = [pullCommand, convertCommand, listCommand, verifyCommand, removeCommand];
  const models = new Command('models').description('Pull, convert, check and remove models.');
  for (const create of commands) models.addCommand(create(context));
  return models;
}
