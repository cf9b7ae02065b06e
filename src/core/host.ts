import type { Entry, Origin } from './entries.ts'
import type { LedgerId, Millis, PeerId } from './ids.ts'
import { beginNaming, type KeyConflict, meetKey } from './keys.ts'
import { knownPeers } from './membership.ts'
import type { Submit, Submitted } from './guest-messages.ts'
import { begunInfo, knownInfo } from './office.ts'
import { send } from './outbox.ts'
import { maxStoreBytes, maxStoreTasks, publish, type PublishRequest } from './producer.ts'
import { countOf, type Ranges } from './ranges.ts'
import { republish } from './republish.ts'
import { makeRoom } from './retention.ts'
import type { Machine } from './state.ts'

/** Requests of guests that a host remembers. */
const maxRemembered = 10_000

/** The tasks that a request became. */
interface Taken extends Origin {
  readonly ledger: LedgerId
  readonly seqs: Ranges
  /** Whether this process start has seen that a majority holds them. */
  readonly held: boolean
}

/** What a host has taken for guests, by `guest|request`. */
export interface HostState {
  readonly done: Map<string, Taken>
  /** Requests under way, by the number they are published under. */
  readonly open: Map<number, Origin>
  nextRequest: number
}

/** What taking tasks for guests needs of its node. */
type Host = Pick<Machine, 'host' | 'keys' | 'producer' | 'voter' | 'outbox' | 'members'>

/** Nothing taken. */
export function createHost(): HostState {
  return { done: new Map(), open: new Map(), nextRequest: -1 }
}

/** A guest asks this node to publish. A request that was taken before is answered again. */
export function onSubmit(machine: Host, from: PeerId, submit: Submit, now: Millis): void {
  const { host, outbox } = machine
  const known = host.done.get(keyOf({ guest: from, request: submit.request }))
  if (known?.held === true) return answer(machine, known)
  for (const open of host.open.values()) {
    if (open.guest === from && open.request === submit.request) return
  }
  const request = host.nextRequest--
  const { key, copies } = submit
  const queue = submit.chunks[0]?.spec.queue ?? ''
  const met =
    known === undefined && key !== undefined
      ? meetKey(machine, queue, key, { request, copies, given: submit.chunks }, now)
      : 'new'
  if (typeof met === 'object') return tellConflict(machine, from, submit.request, met)
  const refused = known === undefined && met === 'new' ? refusalOf(machine, submit) : ''
  if (refused !== '') {
    send(outbox, from, { ...noTasks, request: submit.request, refused })
    return
  }
  const origin = { guest: from, request: submit.request, key }
  host.open.set(request, origin)
  const given = submit.chunks
  if (known !== undefined) return republish(machine, request, { ...known, copies, given }, now)
  if (met === 'same') return
  if (key !== undefined) beginNaming(machine.keys, queue, key, request)
  for (const chunk of submit.chunks) {
    const tasks = { ...chunk, request, since: now, origin, copies }
    publish(machine.producer, machine.voter, outbox, tasks, now)
  }
}

/** The key of a guest's task names another one. */
function tellConflict(
  { outbox }: Host,
  from: PeerId,
  request: string,
  { task }: KeyConflict,
): void {
  const named = task === undefined ? {} : { ledger: task.ledger, seqs: [task.seq, 1] }
  send(outbox, from, { ...noTasks, request, refused: 'conflict', ...named })
}

/** Why tasks are not taken; '' if they are. They go into one entry, so that no part is forgotten. */
function refusalOf({ voter, outbox, producer }: Host, { chunks }: Submit): string {
  const [chunk] = chunks
  if (chunk === undefined) return 'empty'
  const { count, payload } = chunk
  const whole = count === 1 || (count <= maxStoreTasks && payload.length <= maxStoreBytes)
  if (chunks.length > 1 || !whole) return 'too large'
  return makeRoom(voter, outbox, payload.length + producer.waitingBytes) ? '' : 'full'
}

const noTasks: Submitted = {
  type: 'submitted',
  request: '',
  refused: '',
  ledger: '0'.repeat(32),
  epoch: 0,
  seqs: [],
  durable: false,
  voters: [],
}

/** A guest's tasks are held by a majority: it is told. Returns whether they are a guest's. */
export function onGuestPublished(machine: Host, { request, parts }: PublishRequest): boolean {
  const [part] = parts
  return part !== undefined && noteHeld(machine, request, part)
}

function noteHeld(
  machine: Host,
  request: number,
  { ledger, seqs }: { readonly ledger: LedgerId; readonly seqs: Ranges },
): boolean {
  const { host } = machine
  const open = host.open.get(request)
  if (open === undefined) return false
  host.open.delete(request)
  const taken = { ...open, ledger, seqs, held: true }
  remember(host, taken)
  answer(machine, taken)
  return true
}

/** Keeps a request, so that a resend is not published twice; the oldest is forgotten. */
export function remember(host: HostState, taken: Taken): void {
  host.done.set(keyOf(taken), taken)
  if (host.done.size <= maxRemembered) return
  const [oldest] = host.done.keys()
  if (oldest !== undefined) host.done.delete(oldest)
}

/** Nothing is left of a ledger: what was asked for there is not remembered any more. */
export function forgetRequests(host: HostState, ledger: LedgerId): void {
  for (const [key, taken] of host.done) if (taken.ledger === ledger) host.done.delete(key)
}

/** Learns of requests from the journal. */
export function rememberFrom(host: HostState, entry: Entry): void {
  if (entry.type === 'submitted') {
    const { guest, request, ledger, seqs } = entry
    remember(host, { guest, request, ledger, seqs, held: false })
  }
  if (entry.type !== 'stored' || entry.origin === undefined || entry.origin.request === '') return
  const { ledger, chunk, origin } = entry
  remember(host, { ...origin, ledger, seqs: [chunk.first, chunk.count], held: false })
}

/** Every request whose tasks are numbered, for a checkpoint. */
export function* requestsOf({ host, producer }: Host): Generator<Omit<Taken, 'held'>> {
  for (const { guest, request, ledger, seqs } of host.done.values()) {
    yield { guest, request, ledger, seqs }
  }
  for (const [number, origin] of host.open) {
    const [part] = producer.requests.get(number)?.parts ?? []
    if (part !== undefined) yield { ...origin, ...part }
  }
}

function keyOf({ guest, request }: Origin): string {
  return `${guest}|${request}`
}

function answer(machine: Host, { guest, request, ledger, seqs }: Taken): void {
  const { voter, producer, outbox, members } = machine
  const info = knownInfo(voter, ledger)
  const names = new Set(info?.voters.map(({ peer }) => peer))
  const voters = knownPeers(members, 512).filter(({ peer }) => names.has(peer))
  const durable = (begunInfo(voter, ledger)?.voters.length ?? 1) >= 3
  const epoch = info?.epoch ?? producer.current?.info.epoch ?? 0
  const told = { ...noTasks, request, ledger, epoch, seqs, durable, voters }
  if (countOf(seqs) > 0) send(outbox, guest, told)
}
