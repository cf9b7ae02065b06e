import type * as core from '../core/change-messages.ts'
import { flag, integer, ms, ranges, uint32 } from './fields.ts'
import { maxGroupsPerMessage, maxSeq } from './limits.ts'
import { Problem } from './problem.ts'
import { list, record } from './records.ts'
import {
  ballot,
  chunks,
  endOrOpen,
  ledgerInfo,
  ledgerInfoFields,
  ofLedger,
  outcomes,
  promise,
  valuesList,
  voters,
} from './values.ts'

/* The messages about other voters for a ledger, each as a table of its fields. */

const seq = integer(0, maxSeq)

const elect = record<core.Elect>('Elect', { ...ofLedger, ballot, voters }, { type: 'elect' })

const elected = record<core.Elected>(
  'Elected',
  { ...ofLedger, ballot, granted: flag, counter: uint32, accepted: ballot, voters },
  { type: 'elected' },
)

const invite = record<core.Invite>(
  'Invite',
  { ...ledgerInfoFields, standing: flag },
  { type: 'invite' },
)

const invited = record<core.Invited>('Invited', ofLedger, { type: 'invited' })

const copying = { ...ofLedger, from: seq, to: seq, stored: ranges, settled: ranges }

const observe = record<core.Observe>('Observe', copying, { type: 'observe' })

const seal = record<core.Seal>('Seal', { ...copying, voters }, { type: 'seal' })

const registerGroup = record<core.RegisterGroup>(
  'RegisterGroup',
  {
    seqs: ranges,
    promised: promise,
    accepted: ballot,
    values: valuesList,
    grants: uint32,
    lease: ballot,
    claimId: uint32,
    tentative: flag,
    dueMs: ms,
  },
  {
    check({ accepted, values }) {
      const count = accepted.counter === 0 ? 0 : 1
      if (values.length !== count) throw new Problem(`${values.length} values, not ${count}`)
    },
  },
)

const state = record<core.State>(
  'State',
  {
    ...ofLedger,
    sealed: flag,
    from: seq,
    next: seq,
    counter: uint32,
    end: endOrOpen,
    blockedMs: ms,
    registers: list(registerGroup, maxGroupsPerMessage),
    outcomes,
    chunks,
    done: ranges,
    failed: ranges,
    cancelled: ranges,
    forgotten: ranges,
    voting: flag,
  },
  { type: 'state' },
)

const install = record<core.Install>(
  'Install',
  { ...ledgerInfoFields, before: voters, end: endOrOpen },
  { type: 'install' },
)

const installed = record<core.Installed>('Installed', ofLedger, { type: 'installed' })

const moved = record<core.Moved>('Moved', { ...ofLedger, info: ledgerInfo }, { type: 'moved' })

/** Members of the union of all messages. */
export const changeMessages = {
  elect,
  elected,
  invite,
  invited,
  observe,
  seal,
  state,
  install,
  installed,
  moved,
}
