import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { MeshNode } from '../../index.ts'
import { serveControl } from '../control-server.ts'
import { parseDuration, parseInteger } from '../duration.ts'
import { UsageError } from '../errors.ts'
import {
  append,
  command,
  defaultMesh,
  globalOptions,
  readSecret,
  type GlobalOptions,
} from '../global-options.ts'
import { drain, type Runs, showDown } from '../leave.ts'
import type { Output } from '../output.ts'
import { addLabel } from '../publish-options.ts'
import { ownQueues } from '../served.ts'
import type { Terminal } from '../terminal.ts'
import { showEvents, showUp } from '../up-events.ts'

/** How long running tasks may take to finish after Ctrl-C, in milliseconds. */
const drainMs = 30_000

/** Starts of a node whose storage has turned out to be an old copy, one on the next. */
const startsMax = 3

/** Runs at the same time: of all queues, and of some. */
interface Concurrency {
  readonly all?: number
  readonly queues: Readonly<Record<string, number>>
}

interface UpFlags {
  readonly allowRun?: boolean
  readonly concurrency?: Concurrency
  readonly drain: number
  readonly exec?: Readonly<Record<string, string>>
  readonly gossip: boolean
  readonly handlerMemory?: number
  readonly isolate?: boolean
  readonly label?: Readonly<Record<string, string>>
  readonly lease?: number
  readonly listen?: readonly string[]
  readonly orphans: 'wait' | 'fork'
}

/** `meshwork up [FILE or DIR]`: starts a node and keeps it up. */
export function upCommand(terminal: Terminal): Command {
  return command('up', 'start a node')
    .argument('[handlers]', 'module whose exports are the queues, or a folder of such modules')
    .option(
      '--concurrency <[queue=]n>',
      `tasks run at the same time (default: ${availableParallelism()}, the cores), or those of a queue; may be repeated`,
      appendConcurrency,
    )
    .option(
      '--exec <queue=command>',
      'serve a queue by a shell command: payload on stdin, result from stdout; may be repeated',
      appendExec,
    )
    .option('--isolate', 'a process for each running handler, so that a crash harms nothing else')
    .option(
      '--handler-memory <mib>',
      'memory that each running handler of a module may use (default: that of a Node.js program)',
      text => parseInteger(text, 1),
    )
    .addOption(
      new Option('--drain <duration>', 'how long what runs may take to finish after Ctrl-C')
        .argParser(parseDuration)
        .default(drainMs, `${drainMs / 1_000}s`),
    )
    .option(
      '--lease <duration>',
      'how long a task waits for its worker when that has vanished (default: 30s)',
      parseDuration,
    )
    .addOption(
      new Option(
        '--orphans <what>',
        'tasks whose voters are lost wait for them, or are published anew (fork), to end once per generation',
      )
        .choices(['wait', 'fork'])
        .default('wait'),
    )
    .option('--allow-run', 'run the commands of run and map, of whoever is in the mesh')
    .option('--label <name=value>', 'fact about this node; may be repeated', addLabel)
    .option('--listen <address>', 'multiaddr to listen at; may be repeated', append)
    .option('--no-gossip', 'neither announce work nor hear of it; shows that gossip is only a hint')
    .action(async (handlers: string | undefined, flags: UpFlags, self: Command) => {
      const options = globalOptions(self.opts())
      const output = terminal.output(options.json)
      if (handlers !== undefined) await mustExist(handlers)

      for (let starts = 1; ; starts++) {
        await using node = await startNode(handlers, flags, options, terminal)
        const failure = await stayUp(node, flags, options, output, terminal)
        if (failure === undefined) return
        if (starts === startsMax) throw failure
        output.warn(failure.message)
      }
    })
}

async function startNode(
  handlers: string | undefined,
  flags: UpFlags,
  options: GlobalOptions,
  terminal: Terminal,
): Promise<MeshNode> {
  const secret = await readSecret(options, terminal.env)
  const output = terminal.output(options.json)
  if (secret === undefined) {
    const danger = flags.allowRun === true ? ', to run any command here,' : ''
    output.warn(`no secret: this mesh is open${danger} to its whole LAN; meshwork secret makes one`)
  }
  terminal.interrupted.throwIfAborted()
  const { createNode } = await import('../../index.ts')
  return await createNode({
    mesh: options.mesh ?? defaultMesh,
    secret,
    handlers,
    isolate: flags.isolate === true ? 'process' : undefined,
    threads: { resourceLimits: { maxOldGenerationSizeMb: flags.handlerMemory } },
    commands: flags.exec,
    allowRun: flags.allowRun,
    concurrency: flags.concurrency?.all,
    queueConcurrency: flags.concurrency?.queues,
    labels: flags.label,
    dataDir: options.data,
    listen: flags.listen,
    bootstrap: options.bootstrap,
    mdns: options.mdns,
    gossip: flags.gossip,
    leaseMs: flags.lease,
    orphans: flags.orphans,
  })
}

/** Until the user interrupts it, or it cannot go on; gives why, if it can when it is started again. */
async function stayUp(
  node: MeshNode,
  flags: UpFlags,
  options: GlobalOptions,
  output: Output,
  { interrupted }: Terminal,
): Promise<Error | undefined> {
  const mesh = options.mesh ?? defaultMesh
  const interruption = once(interrupted, 'abort')
  showEvents(node, output)
  const control = await serveControl({ node, mesh, dataDir: options.data })
  let before: Runs
  try {
    if (!interrupted.aborted) {
      showUp(node, mesh, await ownQueues(node, interrupted), output)
      const failure = await Promise.race([node.stopped, interruption])
      if (failure instanceof Error) {
        if (failure.name === 'QuarantinedError') return failure
        throw failure
      }
    }
    before = await drain(node, flags.drain, output)
  } finally {
    await control.close()
  }
  await node.stop()
  showDown(node, before, output)
  return undefined
}

async function mustExist(path: string): Promise<void> {
  await stat(path).catch((error: unknown) => {
    throw new UsageError(`There are no handlers at ${path}`, { cause: error })
  })
}

function appendConcurrency(text: string, previous: Concurrency = { queues: {} }): Concurrency {
  const [, queue, count = ''] = /^(?:(.+)=)?([^=]*)$/.exec(text) ?? []
  if (queue === undefined) return { ...previous, all: parseInteger(count, 0) }
  return { ...previous, queues: { ...previous.queues, [queue]: parseInteger(count, 1) } }
}

function appendExec(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  // A command may have line ends.
  const [, queue, command] = /^([^=]+)=(.*\S.*)$/s.exec(text) ?? []
  if (queue === undefined || command === undefined) {
    throw new InvalidArgumentError("Expected QUEUE='COMMAND'.")
  }
  if (Object.hasOwn(previous, queue)) {
    throw new InvalidArgumentError(`Queue ${queue} has a command already.`)
  }
  return { ...previous, [queue]: command }
}
