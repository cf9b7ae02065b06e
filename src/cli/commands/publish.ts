import { Option, type Command } from 'commander'
import { exitCodes } from '../exit-codes.ts'
import { command, globalOptions } from '../global-options.ts'
import { parseDuration } from '../duration.ts'
import { UsageError } from '../errors.ts'
import { fileInput } from '../blob-files.ts'
import { readInputs } from '../inputs.ts'
import { rawInput } from '../raw-input.ts'
import type { Output } from '../output.ts'
import { addPublishOptions, publishOptions } from '../publish-options.ts'
import type { OutcomeReply, Reply } from '../requests.ts'
import { checkOutput, outputFlags, outputSummary, rawHelp, writeResult } from '../result-file.ts'
import { openSession, type Session } from '../session.ts'
import type { Terminal } from '../terminal.ts'

/** How long to look out for a majority that takes tasks, and for somebody who runs them. */
const waitTimeoutMs = 30_000

/** What it means that `durable` is false. */
const notDurable =
  'note: fewer than three nodes hold these tasks; should their producer stop, they wait for it'

interface PublishFlags {
  readonly wait?: boolean
  readonly ndjson?: boolean
  readonly raw?: boolean
  readonly waitTimeout: number
  readonly output?: string
  readonly key?: string
}

/** `meshwork publish QUEUE [JSON | @FILE | -]`: publishes tasks. */
export function publishCommand(terminal: Terminal): Command {
  const publish = command('publish', 'publish a task, or many')
    .argument('<queue>', 'queue that the task goes to')
    .argument('[input]', 'JSON, @FILE with it, or - for stdin')
    .option('--wait', 'wait for the outcome and print it')
    .addOption(
      new Option(
        '--wait-timeout <duration>',
        'give up when nobody takes the tasks, or serves the queue, for so long',
      )
        .argParser(parseDuration)
        .default(waitTimeoutMs, `${waitTimeoutMs / 1_000}s`),
    )
    .option('--ndjson', 'one task per line of stdin (or of the file)')
    .option('--raw', 'the input is bytes as they are, of any length, and no JSON')
    .option(outputFlags, outputSummary)
    .addHelpText('after', rawHelp)
  return addPublishOptions(publish).action(
    async (queue: string, argument: string | undefined, _, self: Command) => {
      const options = globalOptions(self.opts())
      const flags: PublishFlags = self.opts()
      const { wait = false, ndjson = false, raw = false, waitTimeout, output: file } = flags
      const output = terminal.output(options.json)
      await checkFlags(flags)

      const { stdin } = terminal
      await using bytes = raw ? await rawInput(argument, stdin) : undefined
      const inputs =
        bytes === undefined ? readInputs({ argument, ndjson, stdin }) : only(fileInput(bytes.file))
      // Bad input is better said before the mesh is looked for.
      const first = await inputs.next()

      await using session = await openSession(options, terminal)
      const request = {
        op: 'publish',
        queue,
        options: publishOptions(self.opts()),
        wait,
        waitTimeoutMs: waitTimeout,
        files: raw,
      } as const

      let durable = true
      for await (const replies of session.request(request, resume(first, inputs))) {
        for (const reply of replies) {
          show(reply, wait, output, terminal)
          if (reply.type === 'published') durable &&= reply.durable
          if (reply.type === 'outcome' && reply.state === 'done') {
            await showResult(session, reply, { file, ndjson }, output)
          }
        }
      }
      if (!durable && !wait) output.note(notDurable)
    },
  )
}

async function checkFlags({ ndjson, raw, wait, output, key }: PublishFlags): Promise<void> {
  if (ndjson === true && key !== undefined) {
    throw new UsageError('--key names one task, and --ndjson gives many')
  }
  if (ndjson === true && raw === true) throw new UsageError('--ndjson is JSON, and --raw is none')
  if (output === undefined) return
  if (ndjson === true) throw new UsageError('--output takes one result, and --ndjson gives many')
  if (wait !== true) throw new UsageError('--output waits for a result: add --wait')
  await checkOutput(output)
}

async function* only(input: unknown): AsyncGenerator<readonly unknown[]> {
  yield [input]
}

async function* resume<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done === true) return
  yield first.value
  yield* rest
}

function show(reply: Reply, wait: boolean, output: Output, terminal: Terminal): void {
  switch (reply.type) {
    case 'published':
      if (!wait) {
        const { durable } = reply
        for (const taskId of reply.taskIds) {
          output.result({ taskId, durable }, taskId)
        }
      }
      break
    case 'unserved':
      output.warn(`no node that is known now serves queue ${reply.queue}`)
      break
    case 'outcome':
      if (reply.state !== 'done') showEnding(reply, output)
      if (reply.state !== 'done') terminal.setExitCode(exitCodes.failed)
      break
    case 'row':
    case 'output':
    case 'again':
    case 'ended':
    case 'shown':
      break
    default:
      reply satisfies never
  }
}

/** Bytes of one task go to stdout as they are, unless somebody reads JSON or looks at it. */
async function showResult(
  session: Session,
  outcome: OutcomeReply,
  { file, ndjson }: { readonly file: string | undefined; readonly ndjson: boolean },
  output: Output,
): Promise<void> {
  const isPiped = !output.json && !output.isTerminal && !ndjson && outcome.raw === true
  if (file !== undefined || isPiped) await writeResult(session, outcome, file, output)
  const record = recordOf(outcome)
  if (output.json || (file === undefined && !isPiped)) {
    output.result(record, JSON.stringify(record.result))
  }
  if (outcome.raw === true && output.isTerminal && !output.json && file === undefined) {
    output.note('note: the result is bytes; --output FILE, or a pipe, gets them')
  }
}

function recordOf(reply: OutcomeReply) {
  const { taskId, state, result, raw, reason, error, node, attempt, generation, forkId } = reply
  const which = { generation, forkId }
  return { taskId, state, result: result ?? null, raw, reason, error, node, attempt, ...which }
}

function showEnding(outcome: OutcomeReply, output: Output): void {
  const { taskId, state, reason, error } = outcome
  if (output.json) {
    output.result(recordOf(outcome), undefined)
    return
  }
  const details = [reason, error].filter(detail => detail !== undefined && detail !== '')
  output.error(`${taskId} ${state}${details.length > 0 ? `: ${details.join(': ')}` : ''}`)
}
