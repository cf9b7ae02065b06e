import type { Announce, Hint, Presence, Taken } from '../core/messages.ts'
import { ledgerId, queue, ranges, uint32 } from './fields.ts'
import { maxClasses, maxQueues } from './limits.ts'
import { list, record, union } from './records.ts'
import { backlog, ledgerInfo } from './values.ts'

/* The hints of the gossip topic, each as a table of its fields. */

const announce = record<Announce>(
  'Announce',
  { info: ledgerInfo, round: uint32, counter: uint32, classes: list(backlog, maxClasses) },
  { type: 'announce' },
)

const taken = record<Taken>('Taken', { ledger: ledgerId, seqs: ranges }, { type: 'taken' })

const presence = record<Presence>(
  'Presence',
  { queues: list(queue, maxQueues), concurrency: uint32, free: uint32 },
  { type: 'presence' },
)

/** Every hint. */
export const hints = union<Hint>('Hint', 'hint', { announce, taken, presence })
