import type { Entry, KeyedEntry, TaskKey } from './entries.ts'
import type { LedgerId, Millis } from './ids.ts'
import { begunInfo } from './office.ts'
import type { PublishRequest } from './producer.ts'
import { contains } from './ranges.ts'
import { type Numbered, republish } from './republish.ts'
import type { Machine } from './state.ts'

/*
 * A task that is published under a key is numbered once, whatever is asked again and whenever the
 * node crashes: the key is written in the entry that holds the task, before anything is sent.
 */

/** Keys that a node remembers; only those of open tasks are remembered beyond. */
const maxKeys = 100_000

/** Keys that are looked at to find one that may be forgotten. */
const maxLooks = 64

/** A key that is about to name a task, and the requests that wait for it. */
interface Naming {
  readonly queue: string
  readonly key: TaskKey
  readonly requests: number[]
}

/** The task that a key names. */
interface Named extends Omit<KeyedEntry, 'type'> {
  /** Whether this process start has seen that a majority holds it. */
  readonly held: boolean
}

/** The keys of a node's tasks, by queue and key. */
export interface KeyState {
  readonly named: Map<string, Named>
  readonly naming: Map<string, Naming>
  /** Those that are about to be named, by the request that numbers the task. */
  readonly byRequest: Map<number, string>
}

/** What meeting a key needs of its node. */
type Namer = Pick<Machine, 'keys' | 'producer' | 'voter' | 'outbox'>

/** No keys. */
export function createKeys(): KeyState {
  return { named: new Map(), naming: new Map(), byRequest: new Map() }
}

/** The task that stands in the way; `undefined` while it has no number. */
export interface KeyConflict {
  readonly type: 'conflict'
  readonly task: { readonly ledger: LedgerId; readonly seq: number } | undefined
}

/** A request under a key. */
interface Asked extends Pick<Numbered, 'copies' | 'given'> {
  readonly request: number
}

/**
 * Whether a key is new; names the very task that is asked for and given, which then answers the request, too; or
 * names another one.
 */
export function meetKey(
  machine: Namer,
  queue: string,
  key: TaskKey,
  { request, copies, given }: Asked,
  now: Millis,
): 'new' | 'same' | KeyConflict {
  const { keys, producer } = machine
  const id = idOf(queue, key.key)
  const naming = keys.naming.get(id)
  if (naming !== undefined) {
    if (naming.key.digest !== key.digest) return { type: 'conflict', task: taskOf(machine, naming) }
    naming.requests.push(request)
    return 'same'
  }
  const named = keys.named.get(id)
  if (named === undefined) return 'new'
  const { ledger, seq, held, digest } = named
  if (digest !== key.digest) return { type: 'conflict', task: { ledger, seq } }
  if (held && copies === 0) producer.published.push(publishedAs(machine, request, named))
  else {
    beginNaming(keys, queue, key, request)
    republish(machine, request, { ledger, seqs: [seq, 1], copies, given }, now)
  }
  return 'same'
}

/** A request is about to number a task under a new key. */
export function beginNaming(keys: KeyState, queue: string, key: TaskKey, request: number): void {
  const id = idOf(queue, key.key)
  keys.naming.set(id, { queue, key, requests: [request] })
  keys.byRequest.set(request, id)
}

/** A request is published, and with it those that have asked for the same task. */
export function publishedToo(machine: Namer, entry: PublishRequest): PublishRequest[] {
  const { keys } = machine
  const [part] = entry.parts
  const id = keys.byRequest.get(entry.request)
  const naming = id === undefined ? undefined : keys.naming.get(id)
  if (part === undefined || id === undefined || naming === undefined) return []
  const { queue, key, requests } = naming
  keys.naming.delete(id)
  keys.byRequest.delete(entry.request)
  remember(machine, { queue, ...key, ledger: part.ledger, seq: part.seqs[0] as number, held: true })
  return requests.slice(1).map(request => ({ ...entry, request }))
}

/** Nothing is left of a ledger: its tasks have no keys any more. */
export function forgetKeys({ named }: KeyState, ledger: LedgerId): void {
  for (const [id, task] of named) if (task.ledger === ledger) named.delete(id)
}

/** Learns of keys from the journal. */
export function nameFrom(machine: Pick<Machine, 'keys' | 'voter'>, entry: Entry): void {
  if (entry.type === 'keyed') remember(machine, { ...entry, held: false })
  if (entry.type === 'retired') forgetKeys(machine.keys, entry.ledger)
  const key = entry.type === 'stored' ? entry.origin?.key : undefined
  if (entry.type !== 'stored' || key === undefined) return
  const { ledger, chunk } = entry
  remember(machine, { queue: chunk.spec.queue, ...key, ledger, seq: chunk.first, held: false })
}

/** Every key that names a numbered task, for a checkpoint. */
export function* checkpointKeys(machine: Namer): Generator<Entry> {
  for (const { queue, key, digest, ledger, seq } of machine.keys.named.values()) {
    yield { type: 'keyed', queue, key, digest, ledger, seq }
  }
  for (const naming of machine.keys.naming.values()) {
    const task = taskOf(machine, naming)
    if (task !== undefined) yield { type: 'keyed', queue: naming.queue, ...naming.key, ...task }
  }
}

/** The newest is remembered last; of too many, the oldest whose task has ended is forgotten. */
function remember({ keys, voter }: Pick<Machine, 'keys' | 'voter'>, task: Named): void {
  const { named } = keys
  const id = idOf(task.queue, task.key)
  named.delete(id)
  named.set(id, task)
  if (named.size <= maxKeys) return
  let looks = 0
  for (const [old, { ledger, seq }] of named) {
    const held = voter.ledgers.get(ledger)
    if (held === undefined || contains(held.settled, seq)) return void named.delete(old)
    if (++looks === maxLooks) return
  }
}

function taskOf({ producer }: Namer, { requests }: Naming): KeyConflict['task'] {
  const [part] = producer.requests.get(requests[0] as number)?.parts ?? []
  return part === undefined ? undefined : { ledger: part.ledger, seq: part.seqs[0] as number }
}

function publishedAs(
  { voter, producer }: Namer,
  request: number,
  { ledger, seq }: Named,
): PublishRequest {
  const none = { ledger, epoch: 0, producer: producer.node, voters: [] }
  const info = begunInfo(voter, ledger) ?? none
  return { request, parts: [{ ledger, seqs: [seq, 1] }], info, open: 0 }
}

function idOf(queue: string, key: string): string {
  return `${queue}|${key}`
}
