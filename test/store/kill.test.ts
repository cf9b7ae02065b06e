import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable } from 'node:stream'
import { describe, it, type TestContext } from 'node:test'
import { diskStore } from '../../src/store/disk-store.ts'
import type { Durability } from '../../src/store/entry-codec.ts'
import { jsonCodec, numbers, range, temporaryFolder } from './entries.ts'

type Child = ChildProcessByStdio<null, Readable, null>

function startChild(t: TestContext, dataDir: string, durability: Durability) {
  const child: Child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'child.ts'), dataDir, durability],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  t.after(() => child.kill('SIGKILL'))
  return { child, lines: createInterface({ input: child.stdout }) }
}

/** The last lsn that a child acknowledged before it was killed after some lines. */
async function killAfter(child: Child, lines: Interface, count: number): Promise<number> {
  const exited = once(child, 'exit')
  let acknowledged = 0
  let seen = 0
  for await (const line of lines) {
    seen += 1
    if (/^[0-9]+$/.test(line)) acknowledged = Number(line)
    if (seen === count) child.kill('SIGKILL')
  }
  const [, signal] = (await exited) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  return acknowledged
}

describe('kill -9', () => {
  for (const durability of ['process', 'disk'] as const) {
    it(`loses nothing that was acknowledged, ${durability}`, { timeout: 60_000 }, async t => {
      const dataDir = join(await temporaryFolder(t), 'data')
      for (let round = 1; round <= 4; round++) {
        const { child, lines } = startChild(t, dataDir, durability)
        const count = 2 + Math.floor(Math.random() * 600)
        const acknowledged = await killAfter(child, lines, count)

        const store = diskStore({ dataDir, codec: jsonCodec, durability })
        const { lsn, intact } = await store.open()
        const about = `round ${round}, killed after ${count} lines`
        assert.ok(lsn >= acknowledged, `${about}: ${lsn} of ${acknowledged} recovered`)
        assert.equal(intact, process.platform === 'linux', about)
        // The checkpoint is the number of the entry that it stands for.
        const [first = 1, ...rest] = await numbers(store)
        assert.deepEqual(rest, range(first + 1, lsn), about)
        await store.close()
      }
    })
  }

  it('of the holder frees the directory, which nobody else had', { timeout: 60_000 }, async t => {
    const dataDir = join(await temporaryFolder(t), 'data')
    const { child, lines } = startChild(t, dataDir, 'process')
    await once(lines, 'line')
    const init = { dataDir, codec: jsonCodec, durability: 'process' } as const
    await assert.rejects(diskStore(init).open(), {
      name: 'StoreLockedError',
      message: `Data directory ${dataDir} is in use by another node; stop that node or choose another directory`,
    })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = diskStore(init)
    await store.open()
    await store.close()
  })
})
