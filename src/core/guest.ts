import type { LedgerId, Millis, PeerId } from './ids.ts'
import { fullPeers, knownPeers, type Membership } from './membership.ts'
import type { Chunk, Submit, Submitted } from './messages.ts'
import { type Outbox, persist, send } from './outbox.ts'
import { publish, type ProducerState, type PublishRequest, type Waiting } from './producer.ts'
import { nextId, type Random } from './random.ts'
import { countOf, type Ranges } from './ranges.ts'
import { offsetsOf } from './records.ts'
import type { VoterState } from './voter.ts'

/** How long a guest waits for its host before it asks another, in milliseconds. */
export const submitMs = 5_000

/** Tasks and bytes of one SUBMIT at the most. */
const maxSubmitTasks = 512
const maxSubmitBytes = 48 * 1_024

/** Requests of guests that a host remembers. */
const maxRemembered = 10_000

/** A guest's tasks on their way to a host. */
interface Submitting {
  readonly submit: Submit
  readonly request: number
  readonly order: number
  host: PeerId | undefined
  sentAt: Millis
}

/** What a guest waits for. */
export interface GuestState {
  readonly open: Map<string, Submitting>
  readonly parts: Map<
    number,
    { left: number; durable: boolean; parts: { order: number; ledger: LedgerId; seqs: Ranges }[] }
  >
}

/** What a host has taken for guests, by `guest|request`. */
export interface HostState {
  readonly done: Map<string, { ledger: LedgerId; seqs: Ranges }>
  /** Requests under way, by the number they are published under. */
  readonly open: Map<number, { guest: PeerId; request: string }>
  nextRequest: number
}

/** Nothing submitted. */
export function createGuest(): GuestState {
  return { open: new Map(), parts: new Map() }
}

/** Nothing taken. */
export function createHost(): HostState {
  return { done: new Map(), open: new Map(), nextRequest: -1 }
}

/** Publishes through a full node, in pieces that fit a frame. */
export function submitTasks(
  guest: GuestState,
  outbox: Outbox,
  members: Membership,
  random: Random,
  tasks: Waiting,
  now: Millis,
): void {
  const { lengths, payload, spec, delayMs, request } = tasks
  const offsets = offsetsOf(lengths)
  let order = 0
  for (let at = 0; at < lengths.length; order++) {
    let to = at + 1
    const from = offsets[at] as number
    while (to < lengths.length && to - at < maxSubmitTasks) {
      if ((offsets[to + 1] as number) - from > maxSubmitBytes) break
      to += 1
    }
    const columns = {
      lengths: lengths.subarray(at, to),
      payload: payload.subarray(from, offsets[to]),
    }
    const chunk: Chunk = { first: 0, count: to - at, spec, ageMs: 0, delayMs, ...columns }
    const submit: Submit = { type: 'submit', request: nextId(random), chunks: [chunk] }
    guest.open.set(submit.request, { submit, request, order, host: undefined, sentAt: now })
    at = to
  }
  guest.parts.set(request, { left: order, durable: true, parts: [] })
  resubmit(guest, outbox, members, now)
}

/** Sends what has no host, or whose host is gone or silent. */
export function resubmit(
  guest: GuestState,
  outbox: Outbox,
  members: Membership,
  now: Millis,
): void {
  if (guest.open.size === 0) return
  const hosts = [...fullPeers(members)].map(({ peer }) => peer)
  if (hosts.length === 0) {
    for (const submitting of guest.open.values()) submitting.sentAt = now
    return
  }
  for (const submitting of guest.open.values()) {
    const { host } = submitting
    const waits = host !== undefined && hosts.includes(host) && now < submitting.sentAt + submitMs
    if (waits) continue
    // The same host first: it knows whether it has taken the request already.
    const at = host === undefined ? -1 : hosts.indexOf(host)
    const next =
      host !== undefined && at >= 0 && hosts.length > 1 ? hosts[(at + 1) % hosts.length] : hosts[0]
    submitting.host = next
    submitting.sentAt = now
    if (next !== undefined) send(outbox, next, submitting.submit)
  }
}

/** When `resubmit` has something to do. */
export function guestWakeAt(guest: GuestState): Millis {
  let at = Infinity
  for (const { sentAt } of guest.open.values()) at = Math.min(at, sentAt + submitMs)
  return at
}

/** The host has published a piece, or refused it for want of room. */
export function onSubmitted(
  guest: GuestState,
  outbox: Outbox,
  submitted: Submitted,
  now: Millis,
): void {
  const submitting = guest.open.get(submitted.request)
  if (submitting === undefined) return
  if (submitted.refused !== '') {
    submitting.host = undefined
    submitting.sentAt = now
    return
  }
  guest.open.delete(submitted.request)
  const { request, order } = submitting
  const entry = guest.parts.get(request)
  if (entry === undefined) return
  entry.left -= 1
  entry.durable &&= submitted.durable
  entry.parts.push({ order, ledger: submitted.ledger, seqs: submitted.seqs })
  for (const { peer, addresses } of submitted.voters) {
    outbox.effects.push({ type: 'dial', peer, addresses })
  }
  if (entry.left > 0) return
  guest.parts.delete(request)
  entry.parts.sort((a, b) => a.order - b.order)
  const parts = entry.parts.map(({ ledger, seqs }) => ({ ledger, seqs }))
  outbox.effects.push({ type: 'published', request, parts, durable: entry.durable })
}

/** A guest asks this node to publish. A request that was taken before is answered again. */
export function onSubmit(
  host: HostState,
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  from: PeerId,
  submit: Submit,
  now: Millis,
): void {
  const key = `${from}|${submit.request}`
  const known = host.done.get(key)
  if (known !== undefined) {
    answer(producer, voter, outbox, members, from, submit.request, known.ledger, known.seqs)
    return
  }
  for (const open of host.open.values()) {
    if (open.guest === from && open.request === submit.request) return
  }
  const chunk = submit.chunks[0]
  let bytes = 0
  for (const { payload } of submit.chunks) bytes += payload.length
  if (chunk === undefined || submit.chunks.length > 1 || voter.bytes + bytes > voter.maxBytes) {
    const refused = chunk === undefined ? 'empty' : 'full'
    send(outbox, from, { ...noTasks, request: submit.request, refused })
    return
  }
  const request = host.nextRequest--
  host.open.set(request, { guest: from, request: submit.request })
  const { spec, delayMs, ageMs, lengths, payload } = chunk
  publish(
    producer,
    voter,
    outbox,
    { request, spec, delayMs, ageMs, since: now, lengths, payload },
    now,
  )
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

/** A guest's tasks are held by a majority: it is told, and the request is remembered. */
export function onGuestPublished(
  host: HostState,
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  entry: PublishRequest,
): boolean {
  const open = host.open.get(entry.request)
  const part = entry.parts[0]
  if (open === undefined || part === undefined) return false
  host.open.delete(entry.request)
  const { guest, request } = open
  const { ledger, seqs } = part
  remember(host, guest, request, ledger, seqs)
  const lsn = persist(outbox, { type: 'submitted', guest, request, ledger, seqs })
  answer(producer, voter, outbox, members, guest, request, ledger, seqs, lsn)
  return true
}

/** Keeps a request, so that a resend is not published twice; the oldest is forgotten. */
export function remember(
  host: HostState,
  guest: PeerId,
  request: string,
  ledger: LedgerId,
  seqs: Ranges,
): void {
  host.done.set(`${guest}|${request}`, { ledger, seqs })
  if (host.done.size <= maxRemembered) return
  const [oldest] = host.done.keys()
  if (oldest !== undefined) host.done.delete(oldest)
}

function answer(
  producer: ProducerState,
  voter: VoterState,
  outbox: Outbox,
  members: Membership,
  guest: PeerId,
  request: string,
  ledger: LedgerId,
  seqs: Ranges,
  after = 0,
): void {
  const info = voter.ledgers.get(ledger)?.info
  const names = new Set(info?.voters.map(({ peer }) => peer))
  const voters = knownPeers(members, 512).filter(({ peer }) => names.has(peer))
  const durable = (info?.voters.length ?? 1) >= 3
  const epoch = info?.epoch ?? producer.current?.info.epoch ?? 0
  const told = { ...noTasks, request, ledger, epoch, seqs, durable, voters }
  if (countOf(seqs) > 0) send(outbox, guest, told, after)
}
