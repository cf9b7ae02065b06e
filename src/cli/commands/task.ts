import { Command, InvalidArgumentError } from 'commander'
import type { TaskState } from '../../index.ts'
import { ask, rowsOf } from '../ask.ts'
import { parseInteger } from '../duration.ts'
import { printable } from '../errors.ts'
import { exitCodes } from '../exit-codes.ts'
import { command, globalOptions } from '../global-options.ts'
import type { Output } from '../output.ts'
import {
  checkOutput,
  outputFlags,
  outputSummary,
  type ToldResult,
  writeResult,
} from '../result-file.ts'
import { openSession } from '../session.ts'
import type { Terminal } from '../terminal.ts'

const listedByDefault = 100
const states: readonly TaskState[] = [
  'pending',
  'delayed',
  'running',
  'done',
  'failed',
  'cancelled',
]
const columns = ['taskId', 'queue', 'state', 'priority', 'failures', 'grants', 'node', 'ageMs']

/** `meshwork task ls | show | logs | cancel`. */
export function taskCommand(terminal: Terminal): Command {
  return new Command('task')
    .description('look at tasks, cancel them')
    .addCommand(listCommand(terminal))
    .addCommand(showCommand(terminal))
    .addCommand(logsCommand(terminal))
    .addCommand(cancelCommand(terminal))
}

function listCommand(terminal: Terminal): Command {
  return command('ls', 'list the tasks that the mesh knows')
    .option('--queue <name>', 'of this queue only')
    .option('--state <state>', `of this state only: ${states.join(', ')}`, parseState)
    .option('--limit <n>', 'at most so many', text => parseInteger(text, 1), listedByDefault)
    .action(async (flags: { queue?: string; state?: TaskState; limit: number }, self: Command) => {
      const output = terminal.output(globalOptions(self.opts()).json)
      const { queue, state, limit } = flags
      const rows = await ask({ op: 'tasks', queue, state, limit }, self, terminal)
      output.table(columns, rows)
      if (rows.length === limit) output.note(`the first ${limit}; --limit shows more`)
    })
}

function showCommand(terminal: Terminal): Command {
  return command('show', 'show one task')
    .argument('<id>', 'task id')
    .option(outputFlags, outputSummary)
    .addHelpText(
      'after',
      '\nA result that is bytes is shown as {"size":…,"hash":…}: its length and its SHA-256.',
    )
    .action(async (id: string, { output: file }: { output?: string }, self: Command) => {
      const options = globalOptions(self.opts())
      const output = terminal.output(options.json)
      await checkOutput(file)
      await using session = await openSession(options, terminal)
      const [row = {}] = await rowsOf(session, { op: 'task', id })
      if (file !== undefined) {
        const state = String(row['state'])
        if (state !== 'done') throw new Error(`Task ${id} has no result to write: it is ${state}`)
        await writeResult(session, toldOf(row), file, output)
      }
      if (file === undefined || output.json) showRow(row, output)
    })
}

function toldOf({ taskId, result, raw }: Readonly<Record<string, unknown>>): ToldResult {
  return { taskId: String(taskId), result, raw: raw === true }
}

function logsCommand(terminal: Terminal): Command {
  return command('logs', 'follow what a task tells while it runs, up to its outcome')
    .argument('<id>', 'task id')
    .addHelpText(
      'after',
      '\nLines of a task are not kept: those from before are not shown, and of a flood only some are.',
    )
    .action(async (id: string, _, self: Command) => {
      const options = globalOptions(self.opts())
      const output = terminal.output(options.json)
      await using session = await openSession(options, terminal)
      for await (const replies of session.request({ op: 'logs', id })) {
        for (const reply of replies) {
          if (reply.type !== 'row') continue
          showEvent(reply.row, output)
          const { type, state } = reply.row
          if (type === 'outcome' && state !== 'done') terminal.setExitCode(exitCodes.failed)
        }
      }
    })
}

function showEvent(row: Readonly<Record<string, unknown>>, output: Output): void {
  const { type, line, value, node, state, reason, error } = row
  // Lines are what was asked for; what is beside them is for people.
  output.result(row, type === 'log' ? printable(String(line)) : undefined)
  if (output.json || type === 'log') return
  if (type === 'progress') output.note(`progress ${printable(JSON.stringify(value))}`)
  else if (type === 'attempt') output.note(`attempt on ${String(node)}`)
  else output.note(printable([state, reason, error].filter(isText).join(': ')))
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function cancelCommand(terminal: Terminal): Command {
  return command('cancel', 'end tasks before they are done')
    .argument('<id...>', 'task ids')
    .option('--reason <text>', 'kept with the task')
    .action(async (ids: string[], flags: { reason?: string }, self: Command) => {
      const output = terminal.output(globalOptions(self.opts()).json)
      const { reason } = flags
      for (const row of await ask({ op: 'cancel', ids, reason }, self, terminal)) {
        output.result(row, `${String(row['taskId'])} ${String(row['state'])}`)
        if (row['state'] !== 'cancelled') terminal.setExitCode(exitCodes.failed)
      }
    })
}

function showRow(row: Readonly<Record<string, unknown>>, output: Output): void {
  const lines = Object.entries(row)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      return `${name.padEnd(10)} ${typeof value === 'string' ? value : JSON.stringify(value)}`
    })
  output.result(row, lines.join('\n'))
}

function parseState(text: string): TaskState {
  const state = states.find(known => known === text)
  if (state === undefined) throw new InvalidArgumentError(`Expected one of ${states.join(', ')}.`)
  return state
}
