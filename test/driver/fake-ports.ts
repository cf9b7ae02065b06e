import type { Effect, Run } from '../../src/core/effects.ts'
import type { Entry } from '../../src/core/entries.ts'
import type { Input } from '../../src/core/inputs.ts'
import type { Envelope, Hint } from '../../src/core/messages.ts'
import type { Core } from '../../src/driver/core.ts'
import type {
  Clock,
  Network,
  NetworkEvents,
  Opened,
  Store,
  Worker,
} from '../../src/driver/ports.ts'

/** A core that answers inputs with what the test says. */
export class ScriptedCore implements Core {
  wantsCheckpoint = false
  readonly replayed: Entry[] = []
  readonly stepped: Input[] = []
  onStart: () => Effect[] = () => []
  onStep: (input: Input) => Effect[] = () => []
  wake = Infinity

  replay(entry: Entry): void {
    this.replayed.push(entry)
  }

  start(): Effect[] {
    return this.onStart()
  }

  step(inputs: readonly Input[]): Effect[] {
    this.stepped.push(...inputs)
    return inputs.flatMap(input => this.onStep(input))
  }

  wakeAt(): number {
    return this.wake
  }

  *checkpoint(): Generator<Entry> {
    yield entry(99)
  }
}

/** A store whose disk is as fast as the test says. */
export class SlowStore implements Store {
  readonly journal: Entry[] = []
  readonly appends: (readonly Entry[])[] = []
  readonly checkpoints: { readonly lsn: number; readonly entries: readonly Entry[] }[] = []
  wantsCheckpoint = false
  instant = false
  #durable: (lsn: number) => void = () => {}
  #failed: (error: Error) => void = () => {}

  async open(): Promise<Opened> {
    return { storageId: 's', lsn: this.journal.length, intact: true }
  }

  async *replay(): AsyncGenerator<readonly Entry[]> {
    yield [...this.journal]
  }

  append(entries: readonly Entry[]): number {
    this.appends.push(entries)
    this.journal.push(...entries)
    if (this.instant) this.sync()
    return this.journal.length
  }

  onDurable(listener: (lsn: number) => void): void {
    this.#durable = listener
  }

  onFailed(listener: (error: Error) => void): void {
    this.#failed = listener
  }

  async checkpoint(lsn: number, entries: Iterable<Entry>): Promise<void> {
    this.wantsCheckpoint = false
    this.checkpoints.push({ lsn, entries: [...entries] })
  }

  async close(): Promise<void> {}

  sync(lsn = this.journal.length): void {
    this.#durable(lsn)
  }

  fail(error: Error): void {
    this.#failed(error)
  }
}

/** A network that only writes down what it is asked for. */
export class RecordingNetwork implements Network {
  readonly peer = 'me'
  readonly sent: { readonly to: string; readonly envelope: Envelope }[] = []
  readonly gossiped: Hint[] = []
  readonly calls: string[] = []
  #events: NetworkEvents | undefined

  get events(): NetworkEvents {
    if (this.#events === undefined) throw new Error('The network has not been started')
    return this.#events
  }

  async start(events: NetworkEvents): Promise<void> {
    this.#events = events
  }

  async stop(): Promise<void> {}

  addresses(): readonly string[] {
    return ['/ip4/127.0.0.1/tcp/1']
  }

  send(to: string, envelope: Envelope): void {
    this.sent.push({ to, envelope })
  }

  gossip(hints: readonly Hint[]): void {
    this.gossiped.push(...hints)
  }

  dial(peer: string): void {
    this.calls.push(`dial ${peer}`)
  }

  hangup(peer: string, reason: string): void {
    this.calls.push(`hangup ${peer} ${reason}`)
  }

  async query(): Promise<Uint8Array> {
    throw new Error('Nobody answers')
  }

  onQuery(): void {}
}

/** A worker that only writes down what it is asked for. */
export class RecordingWorker implements Worker {
  readonly runs: Run[] = []
  readonly aborts: string[] = []

  async start(): Promise<void> {}

  run(run: Run): void {
    this.runs.push(run)
  }

  abort(ledger: string, token: number, seqs: readonly number[], reason: string): void {
    this.aborts.push(`${ledger} ${token} ${seqs.join(',')} ${reason}`)
  }

  drain(): void {}

  async stop(): Promise<void> {}
}

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  time = 1_000
  offset = 0
  at = Infinity
  stopped = false
  #callback: () => void = () => {}

  now(): number {
    return this.time
  }

  wallOffsetMs(): number {
    return this.offset
  }

  wake(at: number, callback: () => void): void {
    this.at = at
    this.#callback = callback
  }

  stop(): void {
    this.stopped = true
  }

  ring(): void {
    this.time = this.at
    this.#callback()
  }
}

/** An entry that can be told from others. */
export function entry(mark: number): Entry {
  return { type: 'reserved', ledger: 'l', mark }
}

/** A message that can be told from others. */
export function send(to: string, after: number): Effect {
  return { type: 'send', to, after, message: { type: 'goodbye' } }
}

/** After all turns that are due now. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
}
