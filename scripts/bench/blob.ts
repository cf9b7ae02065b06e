/**
 * A large input and a large result through three nodes with small heaps: an input is published,
 * kept by a majority of three voters and hashed by a worker; a result is made by a worker, kept by
 * a majority of three voters and saved to a file by the producer.
 *
 * node scripts/bench/blob.ts [--mib 2048] [--heap-mib 128] [--durability disk] [--json]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values: options } = parseArgs({
  options: {
    mib: { type: 'string', default: '2048' },
    'heap-mib': { type: 'string', default: '128' },
    durability: { type: 'string', default: 'disk' },
    json: { type: 'boolean', default: false },
  },
})

/** No answer may take longer. */
const answerMs = 900_000

interface Answers {
  readonly addresses: string[]
  readonly measured: {
    readonly durable: boolean
    readonly right: boolean
    readonly publishMs: number
    readonly runMs: number
    readonly resultMs: number
    readonly saveMs: number
  }
  readonly memory: { heapMax: number; buffersMax: number; rssMax: number }
}

/** Resolves with what a child tells under some name. */
function answer<K extends keyof Answers>(child: ChildProcess, name: K): Promise<Answers[K]> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`No ${name} within ${answerMs} ms`)), answerMs)
    const onExit = (code: number | null): void => reject(new Error(`A node ended with ${code}`))
    child.once('exit', onExit)
    child.on('message', message => {
      const value = (message as Partial<Answers>)[name]
      if (value === undefined) return
      clearTimeout(late)
      child.off('exit', onExit)
      resolve(value)
    })
  })
}

const folder = await mkdtemp(join(tmpdir(), 'meshwork-blob-bench-'))
const children: { readonly role: string; readonly child: ChildProcess }[] = []
try {
  const bytes = Number(options.mib) * 2 ** 20
  const file = join(folder, 'result')
  const bootstrap: string[] = []
  for (const role of ['voter', 'worker', 'producer']) {
    const dataDir = join(folder, role)
    const { durability } = options
    const mesh = `blob-${process.pid}`
    const setup = JSON.stringify({ mesh, dataDir, durability, bootstrap, role, bytes, file })
    const child = fork(new URL('blob-node.ts', import.meta.url), [setup], {
      execArgv: [`--max-old-space-size=${options['heap-mib']}`],
    })
    children.push({ role, child })
    if (role !== 'producer') bootstrap.push(...(await answer(child, 'addresses')))
  }
  const producer = children.at(-1)?.child as ChildProcess
  const measured = await answer(producer, 'measured')
  const { size } = await stat(file)
  const nodes: Record<string, Answers['memory']> = {}
  for (const { role, child } of children) {
    const memory = answer(child, 'memory')
    child.send('memory')
    nodes[role] = await memory
  }
  if (options.json) console.log(JSON.stringify({ bytes, size, ...measured, nodes }))
  else {
    const { right, durable, publishMs, runMs, resultMs, saveMs } = measured
    const rate = (ms: number): string =>
      `${(ms / 1_000).toFixed(1)} s, ${mib((bytes / ms) * 1_000)} MiB/s`
    console.log(`${mib(size)} MiB, content ${right ? 'right' : 'WRONG'}, durable: ${durable}`)
    console.log(`input: publish ${rate(publishMs)}; to its result ${rate(runMs)}`)
    console.log(`result: from publish ${rate(resultMs)}; saveTo ${rate(saveMs)}`)
    for (const [role, { heapMax, buffersMax, rssMax }] of Object.entries(nodes)) {
      const [heap, buffers, rss] = [heapMax, buffersMax, rssMax].map(mib)
      console.log(`${role}: at most ${heap} MiB heap, ${buffers} MiB buffers, ${rss} MiB resident`)
    }
  }
  process.exitCode = measured.right && size === bytes - 1 ? 0 : 1
} finally {
  await Promise.all(children.map(({ child }) => ended(child)))
  await rm(folder, { recursive: true, force: true })
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>(resolve => {
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
    child.once('exit', () => {
      clearTimeout(late)
      resolve()
    })
    if (child.connected) child.send('stop')
  })
}
