import type { Command } from 'commander'
import { Channel } from '../channel.ts'
import { printable } from '../errors.ts'
import { command, globalOptions, type GlobalOptions } from '../global-options.ts'
import { quote } from '../map/quote.ts'
import { CollectedOutput } from '../run/collected-output.ts'
import { exitCodeOf, remarkOn, signalNumber } from '../run/ending.ts'
import { inBatches } from '../run/input-batches.ts'
import type { EndedReply, RunInput } from '../run/requests.ts'
import { addRunOptions, runFlags, taskOptions } from '../run/run-options.ts'
import { SentFiles, wantedFiles } from '../run/sent-files.ts'
import type { Reply } from '../requests.ts'
import { openSession } from '../session.ts'
import type { Terminal } from '../terminal.ts'

/** `meshwork run -- COMMAND…`: runs a command somewhere in the mesh, as if it were here. */
export function runCommand(terminal: Terminal): Command {
  const run = command('run', 'run a command on some node, and end with its exit code')
    .argument('<command...>', 'its words; a single one is for the shell')
    .passThroughOptions()
  return addRunOptions(run).action(async (words: readonly string[], _, self: Command) => {
    const options = globalOptions(self.opts())
    const flags = runFlags(self.opts())
    const folder = process.cwd()
    const input: RunInput = {
      type: 'command',
      seq: 1,
      command: commandLine(words),
      send: await new SentFiles(folder).of(flags.send),
      return: wantedFiles(flags.return, folder),
    }
    const request = {
      op: 'run',
      options: taskOptions(self.opts()),
      waitTimeoutMs: flags.waitTimeout,
      keepOrder: false,
      live: !options.json,
    } as const
    const inputs = new Channel<RunInput>()
    inputs.push(input)
    inputs.push({ type: 'last' })

    await using session = await openSession(options, terminal)
    using run = new Run(input.command, options, terminal, inputs)
    for await (const replies of session.request(request, inBatches(inputs))) {
      for (const reply of replies) await run.take(reply)
    }
  })
}

/** Words are for the command as they are; a single one may be a whole line for the shell. */
function commandLine(words: readonly string[]): string {
  const [only = '', ...rest] = words
  return rest.length === 0 ? only : words.map(quote).join(' ')
}

/** A command that runs elsewhere, seen from here. */
class Run implements Disposable {
  readonly #command: string
  readonly #terminal: Terminal
  readonly #inputs: Channel<RunInput>
  readonly #output: ReturnType<Terminal['output']>
  readonly #collected = new CollectedOutput()
  readonly #signals: Disposable
  #isPublished = false
  #signal: NodeJS.Signals | undefined
  #ended: EndedReply | undefined

  constructor(
    command: string,
    { json }: GlobalOptions,
    terminal: Terminal,
    inputs: Channel<RunInput>,
  ) {
    this.#command = command
    this.#terminal = terminal
    this.#inputs = inputs
    this.#output = terminal.output(json)
    this.#signals = terminal.takeSignals(signal => this.#forward(signal))
  }

  async take(reply: Reply): Promise<void> {
    switch (reply.type) {
      case 'published':
        this.#isPublished = true
        break
      case 'output':
        if (this.#output.json) this.#collected.add(reply)
        else await this.#output.bytes(reply.stream, Buffer.from(reply.base64, 'base64'))
        break
      case 'again':
        this.#collected.clear()
        this.#output.warn('another node has run the command again; all that it has written follows')
        break
      case 'ended':
        this.#ended = reply
        break
      case 'shown':
        if (this.#ended !== undefined) this.#end(this.#ended)
        break
      default:
        break
    }
  }

  [Symbol.dispose](): void {
    this.#signals[Symbol.dispose]()
    this.#inputs.end()
  }

  /** The first signal is for the command, if there is one; the next ends the wait for it, too. */
  #forward(signal: NodeJS.Signals): boolean {
    if (!this.#isPublished || this.#signal !== undefined) return false
    this.#signal = signal
    this.#inputs.push({ type: 'signal', signal })
    return true
  }

  #end(ended: EndedReply): void {
    const { stdout, stderr } = this.#collected
    const { type: _, seq: __, ...rest } = ended
    this.#output.result({ command: this.#command, ...rest, stdout, stderr }, undefined)
    const remark = remarkOn(ended)
    const isOurs = ended.state === 'cancelled' && this.#signal !== undefined
    if (remark !== undefined && !isOurs) {
      this.#output.error(new Error(`${printable(this.#command)}: ${remark}`))
    }
    const code = isOurs ? 128 + signalNumber(this.#signal ?? null) : exitCodeOf(ended)
    this.#terminal.setExitCode(code)
  }
}
