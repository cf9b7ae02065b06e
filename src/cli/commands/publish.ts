import { Option, type Command } from 'commander'
import { exitCodes } from '../exit-codes.ts'
import { command, globalOptions } from '../global-options.ts'
import { parseDuration } from '../duration.ts'
import { readInputs } from '../inputs.ts'
import type { Output } from '../output.ts'
import { addPublishOptions, publishOptions } from '../publish-options.ts'
import type { OutcomeReply, Reply } from '../requests.ts'
import { openSession } from '../session.ts'
import type { Terminal } from '../terminal.ts'

/** How long to look out for a majority that takes tasks, and for somebody who runs them. */
const waitTimeoutMs = 30_000

/** What it means that `durable` is false. */
const notDurable =
  'note: fewer than three nodes hold these tasks; should their producer stop, they wait for it'

interface PublishFlags {
  readonly wait?: boolean
  readonly ndjson?: boolean
  readonly waitTimeout: number
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
  return addPublishOptions(publish).action(
    async (queue: string, argument: string | undefined, _, self: Command) => {
      const options = globalOptions(self.opts())
      const { wait = false, ndjson = false, waitTimeout }: PublishFlags = self.opts()
      const output = terminal.output(options.json)

      const inputs = readInputs({ argument, ndjson, stdin: terminal.stdin })
      // Bad input is better said before the mesh is looked for.
      const first = await inputs.next()

      await using session = await openSession(options, terminal)
      const request = {
        op: 'publish',
        queue,
        options: publishOptions(self.opts()),
        wait,
        waitTimeoutMs: waitTimeout,
      } as const

      let durable = true
      for await (const replies of session.request(request, resume(first, inputs))) {
        for (const reply of replies) {
          show(reply, wait, output, terminal)
          if (reply.type === 'published') durable &&= reply.durable
        }
      }
      if (!durable && !wait) output.note(notDurable)
    },
  )
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
      showOutcome(reply, output)
      if (reply.state !== 'done') terminal.setExitCode(exitCodes.failed)
      break
    case 'row':
      break
    default:
      reply satisfies never
  }
}

function showOutcome(outcome: OutcomeReply, output: Output): void {
  const { taskId, state, result, reason, error, node, attempt } = outcome
  if (output.json || state === 'done') {
    const record = { taskId, state, result: result ?? null, reason, error, node, attempt }
    output.result(record, JSON.stringify(record.result))
    return
  }
  const details = [reason, error].filter(detail => detail !== undefined && detail !== '')
  output.error(`${taskId} ${state}${details.length > 0 ? `: ${details.join(': ')}` : ''}`)
}
