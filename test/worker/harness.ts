import { EventEmitter, on } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Run } from '../../src/core/effects.ts'
import type { Finished, Reported } from '../../src/core/inputs.ts'
import type { TaskSpec } from '../../src/core/messages.ts'
import { countOf, type Ranges, seqsOf } from '../../src/core/ranges.ts'
import type { Worker } from '../../src/driver/ports.ts'
import type { WorkerInit } from '../../src/worker/worker-init.ts'
import { createWorker } from '../../src/worker/worker.ts'
import { plainSpec } from '../plain-spec.ts'

export const ledger = '0123456789abcdef0123456789abcdef'

const patienceMs = 20_000

/** The end of one task, taken out of its columns. */
export interface End {
  readonly seq: number
  readonly token: number
  readonly kind: Finished['kind']
  readonly body: string
}

/** A started worker, and all that it has said. */
export class Rig {
  readonly worker: Worker
  readonly finished: Finished[] = []
  readonly ends: End[] = []
  readonly reported: Reported[] = []
  readonly warnings: string[] = []
  readonly published: {
    readonly task: unknown
    readonly input: unknown
    readonly options: unknown
  }[] = []
  /** Why `publish` of a handler fails, if it shall. */
  publishError: Error | undefined
  readonly #said = new EventEmitter()

  constructor(init: Partial<WorkerInit>) {
    this.worker = createWorker({
      concurrency: 4,
      definitions: [],
      node: 'peer-1',
      logger: { warn: message => this.#say(() => this.warnings.push(message)) },
      publish: async (task, input, options) => {
        if (this.publishError !== undefined) throw this.publishError
        this.published.push({ task, input, options })
        return { id: `${ledger}-99`, durable: true }
      },
      ...init,
    })
  }

  async start(): Promise<void> {
    await this.worker.start({
      finished: finished => this.#say(() => this.#take(finished)),
      reported: reported => this.#say(() => this.reported.push(reported)),
    })
  }

  /** Resolves when what has been said makes `test` true. */
  async until(test: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(patienceMs)
    const said = on(this.#said, 'said', { signal })
    while (!test()) await said.next()
    await said.return?.()
  }

  /** Resolves when so many tasks have ended. */
  async ended(count: number): Promise<readonly End[]> {
    await this.until(() => this.ends.length >= count)
    return this.ends
  }

  #say(record: () => void): void {
    record()
    this.#said.emit('said')
  }

  #take(finished: Finished): void {
    this.finished.push(finished)
    const { seqs, lengths, body, token, kind } = finished
    let at = 0
    let i = 0
    for (const seq of seqsOf(seqs)) {
      const length = lengths[i] ?? 0
      i++
      const text = Buffer.from(body.subarray(at, at + length)).toString()
      this.ends.push({ seq, token, kind, body: text })
      at += length
    }
    if (at !== body.length || lengths.length !== countOf(seqs)) throw new Error('columns disagree')
  }
}

/** A worker that is stopped when the test ends. */
export async function rig(t: TestContext, init: Partial<WorkerInit>): Promise<Rig> {
  const it = new Rig(init)
  t.after(() => it.worker.stop())
  await it.start()
  return it
}

/** A run effect for tasks with these payloads; strings are given as they are. */
export function runOf(
  queue: string,
  payloads: readonly unknown[],
  more: Partial<TaskSpec> & { seqs?: Ranges; token?: number; attempt?: number } = {},
): Run {
  const { seqs = [0, payloads.length], token = 1, attempt = 1, ...spec } = more
  const bytes = payloads.map(it => Buffer.from(typeof it === 'string' ? it : JSON.stringify(it)))
  return {
    type: 'run',
    ledger,
    token,
    spec: { ...plainSpec(queue), ...spec },
    seqs,
    attempts: new Uint32Array(payloads.length).fill(attempt),
    lengths: Uint32Array.from(bytes, it => it.length),
    payload: Buffer.concat(bytes),
  }
}

/** Module files in a folder that is removed when the test ends. */
export async function folder(t: TestContext, files: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'meshwork-worker-'))
  t.after(() => rm(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return path
}

/** Resolves when everything that was due in this turn of the loop has happened. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}
