import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Blobs, KeptBlob } from '../../src/blobs/blobs.ts'
import { BlobContent } from '../../src/blobs/mesh-blob.ts'
import type { Publish } from '../../src/core/inputs.ts'
import type { PublishBlobs } from '../../src/large-inputs.ts'
import { Publishing } from '../../src/publishing.ts'
import { workerBlobs } from '../../src/worker-blobs.ts'
import { blobOf, contentOf } from '../blobs/stores.ts'

const large = 'x'.repeat(100_000)

/** Blobs of which every step is told, and waits until it may go on. */
class Steps {
  readonly told: string[] = []
  readonly released = new Set<string>()
  #waiting: PromiseWithResolvers<void>[] = []

  async step(name: string): Promise<void> {
    this.told.push(name)
    const waiting = Promise.withResolvers<void>()
    this.#waiting.push(waiting)
    await waiting.promise
  }

  next(): void {
    this.#waiting.shift()?.resolve()
  }

  readonly blobs: PublishBlobs = {
    keep: async (kind, source) => {
      if (source instanceof BlobContent) return this.#kept(kind, source)
      assert.ok(source instanceof Uint8Array)
      return this.#kept(kind, blobOf(source))
    },
    keepAgain: async blob => this.#kept('raw', blob),
    adopt: async (kind, _, blob) => this.#kept(kind, blob),
    spreadForPublish: ({ reference }) => this.step(`spread ${reference.size}`),
    spreadTo: async (ledger, { reference }) => {
      await this.step(`confirm ${reference.size} at ${ledger}`)
      return true
    },
  }

  #kept(kind: 'json' | 'raw', { hash, size }: { hash: string; size: number }): KeptBlob {
    return {
      reference: { kind, hash, size },
      held: new Set(),
      release: () => void this.released.add(hash),
    }
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i++) {
    await new Promise(resolve => setImmediate(resolve))
  }
  assert.ok(condition(), 'it did not come to pass')
}

/** What could have happened by now has. */
async function idle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
}

function setup() {
  const steps = new Steps()
  const requests: Publish[] = []
  const publishing = new Publishing({
    input: input => {
      if (input.type === 'publish') requests.push(input)
    },
    room: undefined,
    definitions: new Map(),
    blobs: steps.blobs,
    servers: () => 1,
    onUnserved: () => {},
  })
  const grant = (...ledgers: readonly string[]): void => {
    const [request] = requests
    assert.ok(request)
    const parts = ledgers.map((ledger, seq) => ({ ledger, seqs: [seq, 1] }))
    publishing.answered({ type: 'published', request: request.request, parts, durable: true })
  }
  return { steps, requests, publishing, grant }
}

describe('a large input', () => {
  it('is with the voters before its record is, and before it is published', async () => {
    const { steps, requests, publishing, grant } = setup()
    const published = publishing.one('q', large, {})
    await until(() => steps.told.length === 1)
    assert.deepEqual(steps.told, ['spread 100002'])
    await idle()
    assert.equal(requests.length, 0, 'no record before its blob')
    steps.next()
    await until(() => requests.length === 1)
    assert.equal(requests[0]?.payload[0], 0, 'the record names it')
    grant('l')
    await until(() => steps.told.length === 2)
    assert.deepEqual(steps.told.slice(1), ['confirm 100002 at l'])
    assert.equal(steps.released.size, 0, 'it is held until all is done')
    steps.next()
    assert.deepEqual(await published, { ledger: 'l', seq: 0, durable: true })
    assert.equal(steps.released.size, 1)
  })

  it('is given away once, however many name it, and confirmed once per ledger', async () => {
    const { steps, requests, publishing, grant } = setup()
    const blob = new BlobContent({ ...blobOf(contentOf(200)), async *read() {} })
    const inputs = [{ blob }, { n: 2, blob }, blob, [blob, blob]]
    const published = publishing.many('q', inputs, {})
    await until(() => steps.told.length > 0)
    steps.next()
    await until(() => requests.length === 1)
    assert.deepEqual(steps.told, ['spread 200'])
    grant('l', 'l', 'm', 'm')
    await until(() => steps.told.length === 3)
    assert.deepEqual(steps.told.slice(1), ['confirm 200 at l', 'confirm 200 at m'])
    steps.next()
    steps.next()
    await published
  })

  it('that cannot be kept is not published', async () => {
    const { steps, requests, publishing } = setup()
    steps.blobs.keep = () => Promise.reject(new Error('no room'))
    await assert.rejects(publishing.many('q', [1, large], {}), { message: 'no room' })
    assert.equal(requests.length, 0)
  })
})

describe('a large result', () => {
  it('is with the voters before its body is given out', async () => {
    const steps = new Steps()
    const store = { directory: undefined }
    const worker = workerBlobs({ ...steps.blobs, store } as unknown as Blobs)
    let body: Uint8Array | undefined
    const keeping = worker.keep('l', { type: 'json', text: large, blobs: [] }, {})
    void keeping.then(it => (body = it))
    await until(() => steps.told.length === 1)
    assert.deepEqual(steps.told, ['confirm 100000 at l'])
    await idle()
    assert.equal(body, undefined)
    steps.next()
    await keeping
    assert.equal(body?.[0], 0)
    assert.equal(steps.released.size, 1)
  })

  it('of a run that this node has lost is not given out', async () => {
    const steps = new Steps()
    steps.blobs.spreadTo = async () => false
    const worker = workerBlobs({ ...steps.blobs, store: {} } as unknown as Blobs)
    const keeping = worker.keep('l', { type: 'json', text: large, blobs: [] }, {})
    await assert.rejects(keeping, { message: 'The run was lost' })
    assert.equal(steps.released.size, 1)
  })
})
