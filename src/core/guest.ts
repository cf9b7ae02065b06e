import type { LedgerId, Millis, PeerId } from './ids.ts'
import { fullPeers, type Membership } from './membership.ts'
import type { Submit, Submitted } from './guest-messages.ts'
import type { Chunk } from './messages.ts'
import { type Outbox, send } from './outbox.ts'
import { maxStoreBytes, maxStoreTasks, type Waiting } from './producer.ts'
import { nextId, type Random } from './random.ts'
import type { Ranges } from './ranges.ts'
import { chunkAfter, offsetsOf } from './records.ts'
import { timingAfter } from './timing.ts'

/** How long a guest waits for its host before it asks another, in milliseconds. */
export const submitMs = 5_000

/** A guest's tasks on their way to a host. */
interface Submitting {
  /** With what was left of the times of its tasks at `since`. */
  readonly submit: Submit
  readonly since: Millis
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

/** Nothing submitted. */
export function createGuest(): GuestState {
  return { open: new Map(), parts: new Map() }
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
  const { lengths, payload, spec, request } = tasks
  const timing = timingAfter(tasks, now - tasks.since)
  const offsets = offsetsOf(lengths)
  let order = 0
  for (let at = 0; at < lengths.length; order++) {
    let to = at + 1
    const from = offsets[at] as number
    while (to < lengths.length && to - at < maxStoreTasks) {
      if ((offsets[to + 1] as number) - from > maxStoreBytes) break
      to += 1
    }
    const columns = {
      lengths: lengths.subarray(at, to),
      payload: payload.subarray(from, offsets[to]),
    }
    const chunk: Chunk = { first: 0, count: to - at, spec, ...timing, ...columns }
    const { key } = tasks.origin ?? {}
    const { copies = 0 } = tasks
    const name = nextId(random)
    const submit: Submit = { type: 'submit', request: name, chunks: [chunk], key, copies }
    guest.open.set(name, { submit, since: now, request, order, host: undefined, sentAt: now })
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
    if (next === undefined) continue
    const { submit, since } = submitting
    const chunks = submit.chunks.map(chunk => chunkAfter(chunk, now - since))
    send(outbox, next, { ...submit, chunks })
  }
}

/** When `resubmit` has something to do. */
export function guestWakeAt(guest: GuestState): Millis {
  let at = Infinity
  for (const { sentAt } of guest.open.values()) at = Math.min(at, sentAt + submitMs)
  return at
}

/** The host knows another task by the key of this one. */
function onConflict(guest: GuestState, outbox: Outbox, { request, ledger, seqs }: Submitted): void {
  const refused = guest.open.get(request)
  guest.open.delete(request)
  if (refused === undefined) return
  guest.parts.delete(refused.request)
  const [seq] = seqs
  const task = seq === undefined ? undefined : { ledger, seq }
  const answer = { request: refused.request, reason: 'conflict', retryMs: 0, task } as const
  outbox.effects.push({ type: 'publish-refused', ...answer })
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
  if (submitted.refused === 'conflict') return onConflict(guest, outbox, submitted)
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
