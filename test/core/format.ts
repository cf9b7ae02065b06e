import type { Ballot } from '../../src/core/ballot.ts'
import type { Effect } from '../../src/core/effects.ts'
import type { Entry } from '../../src/core/entries.ts'
import type { LedgerId } from '../../src/core/ids.ts'
import type { Chunk, LostLease, Message, Values, Voter } from '../../src/core/messages.ts'
import type { Ranges } from '../../src/core/ranges.ts'
import { bodyOf } from './fixtures.ts'

/** Names of ledgers in a transcript, by their first appearance. */
export type Names = Map<LedgerId, string>

function ledgerName(names: Names, ledger: LedgerId): string {
  let name = names.get(ledger)
  if (name === undefined) names.set(ledger, (name = `L${names.size + 1}`))
  return name
}

function seqsText(seqs: Ranges): string {
  const runs: string[] = []
  for (let i = 0; i < seqs.length; i += 2) {
    const first = seqs[i] ?? 0
    const count = seqs[i + 1] ?? 0
    runs.push(count === 1 ? `${first}` : `${first}–${first + count - 1}`)
  }
  return runs.length === 0 ? 'nothing' : runs.join(',')
}

function ballotText({ counter, proposer }: Ballot): string {
  return `(${counter}, ${proposer})`
}

function valueText(values: Values): string {
  const body = values.lengths.length === 1 ? bodyOf(values) : ''
  const more = [
    values.reason,
    values.failures > 0 ? `failures ${values.failures}` : '',
    values.delayMs > 0 ? `in ${values.delayMs} ms` : '',
    body === '' ? '' : JSON.stringify(body),
  ].filter(part => part !== '')
  return [`${seqsText(values.seqs)} ${values.kind}`, ...more].join(' ')
}

function chunksText(chunks: readonly Chunk[]): string {
  return chunks.map(({ first, count }) => seqsText([first, count])).join(',')
}

function lostText(names: Names, lost: readonly LostLease[]): string {
  return lost
    .map(
      ({ ledger, claimId, seqs }) =>
        `${ledgerName(names, ledger)} ${seqsText(seqs)} of claim ${claimId}`,
    )
    .join(', ')
}

/** Those of several sets that are not empty, with their names. */
function partsText(parts: Readonly<Record<string, Ranges>>): string {
  const some = Object.entries(parts).filter(([, seqs]) => seqs.length > 0)
  return some.map(([name, seqs]) => `${name} ${seqsText(seqs)}`).join('; ')
}

function claimedText(message: Extract<Message, { type: 'claimed' }>): string {
  const { granted, leaseMs, grants, accepted, held, refused, chunks } = message
  const parts: string[] = []
  if (granted.length > 0) {
    const lease = leaseMs > 0 ? ` for ${leaseMs} ms` : ''
    const counts = grants.filter((_, i) => i % 2 === 1).join('/')
    parts.push(`granted ${seqsText(granted)}${lease}, grants ${counts}`)
  }
  for (const { ballot, values } of accepted) {
    parts.push(`accepted ${ballotText(ballot)} ${valueText(values)}`)
  }
  if (held.length > 0) parts.push(`through the lease of ${seqsText(held)}`)
  for (const { reason, seqs, ms, counter } of refused) {
    const detail = ms > 0 ? ` ${ms} ms` : counter > 0 ? ` counter ${counter}` : ''
    parts.push(`${reason} ${seqsText(seqs)}${detail}`)
  }
  if (chunks.length > 0) parts.push(`records ${chunksText(chunks)}`)
  return parts.join('; ')
}

/** What a message says, on one line. */
export function messageText(names: Names, message: Message): string {
  const { type } = message
  const ledger = 'ledger' in message ? ` ${ledgerName(names, message.ledger)}` : ''
  const head = `${type.toUpperCase()}${ledger}`
  switch (message.type) {
    case 'open':
      return `${head} voters ${message.voters.map(({ peer }) => peer).join(' ')}`
    case 'close':
      return `${head} end ${message.end}`
    case 'store':
      return `${head} ${chunksText(message.chunks)}${message.fresh ? '' : ' again'}`
    case 'stored': {
      const { stored, settled, conflict, full } = message
      return `${head} ${partsText({ held: stored, settled, conflict, full })}`
    }
    case 'claim': {
      const what = message.any.length > 0 ? `any ${message.anyCount}` : seqsText(message.seqs)
      return `${head} ${what} ${ballotText(message.ballot)} to ${message.intent}`
    }
    case 'claimed':
      return `${head} ${ballotText(message.ballot)}: ${claimedText(message)}`
    case 'renew': {
      const confirmed = message.confirmed.length > 0 ? `, won ${message.confirmed.join()}` : ''
      const list = message.list === undefined ? '' : ', the whole list'
      return `${head} beat ${message.beat}: holds ${message.held}${confirmed}${list}`
    }
    case 'renewed': {
      const lost = message.lost.length > 0 ? `, lost ${lostText(names, message.lost)}` : ''
      const answer = message.sendList ? 'send the list' : `for ${message.leaseMs} ms`
      return `${head} beat ${message.beat}: ${answer}${lost}`
    }
    case 'lost':
      return `${head} ${lostText(names, message.lost)}${message.cancelled ? ', cancelled' : ''}`
    case 'release':
      return `${head} ${seqsText(message.seqs)} ${ballotText(message.ballot)}`
    case 'settle': {
      const own = message.acceptLsn > 0 ? `, own accept in entry ${message.acceptLsn}` : ''
      const values = message.values.map(valueText).join(', ')
      return `${head} ${ballotText(message.ballot)}: ${values}${own}`
    }
    case 'accepted': {
      const { accepted, behind, settled, missing, ballot } = message
      return `${head} ${ballotText(ballot)}: ${partsText({ accepted, behind, settled, missing })}`
    }
    case 'decided':
      return `${head} ${message.outcomes
        .map(({ ballot, kind, seqs }) => `${seqsText(seqs)} ${kind} by ${ballotText(ballot)}`)
        .join(', ')}`
    case 'fetch':
      return `${head} ${message.what} ${seqsText(message.seqs)}`
    case 'records':
      return `${head} ${chunksText(message.chunks)}`
    case 'watch':
      return `${head} ${seqsText(message.seqs)}`
    case 'outcomes':
      return `${head} ${message.values.map(valueText).join(', ')}`
    default:
      return `${head}${changeText(message)}`
  }
}

function votersText(voters: readonly Voter[]): string {
  return voters.map(({ peer }) => peer).join(' ')
}

/** What a message about other voters says. */
function changeText(message: Message): string {
  switch (message.type) {
    case 'invite':
      return ` epoch ${message.epoch}`
    case 'elect': {
      const { epoch, ballot, voters } = message
      const wanted = voters.length === 0 ? 'a promise' : votersText(voters)
      return ` after epoch ${epoch} ${ballotText(ballot)}: ${wanted}`
    }
    case 'elected': {
      const { granted, ballot, voters } = message
      return ` ${ballotText(ballot)}: ${granted ? `yes ${votersText(voters)}`.trim() : 'no'}`
    }
    case 'observe':
      return ` without ${seqsText(message.stored)}`
    case 'install':
      return ` epoch ${message.epoch}: ${votersText(message.voters)}`
    case 'installed':
      return ` epoch ${message.epoch}`
    case 'seal':
      return ` epoch ${message.epoch} for ${votersText(message.voters)}, without ${seqsText(message.stored)}`
    case 'state': {
      const registers = message.registers.map(({ seqs, promised, accepted, grants }) => {
        const ballots = `promised ${ballotText(promised)}, accepted ${ballotText(accepted)}`
        return `${seqsText(seqs)} ${ballots}, grants ${grants}`
      })
      const records = message.chunks.length > 0 ? [`records ${chunksText(message.chunks)}`] : []
      const sealed = message.sealed ? ' sealed' : ''
      return `${sealed} epoch ${message.epoch}: ${[...registers, ...records].join('; ')}`
    }
    case 'moved':
      return ` after epoch ${message.epoch}: ${votersText(message.info.voters)}`
    default:
      return ''
  }
}

/** What an entry of the journal keeps, on one line. */
export function entryText(names: Names, entry: Entry): string {
  const ledger = 'ledger' in entry ? ` ${ledgerName(names, entry.ledger)}` : ''
  const head = `${entry.type}${ledger}`
  switch (entry.type) {
    case 'stored':
      return `${head} ${chunksText([entry.chunk])}`
    case 'granted':
    case 'released':
      return `${head} ${seqsText(entry.seqs)} ${ballotText(entry.ballot)}`
    case 'accepted':
      return `${head} ${ballotText(entry.ballot)}: ${entry.values.map(valueText).join(', ')}`
    case 'settled':
      return `${head} ${entry.outcomes
        .map(({ seqs, kind, ballot }) => `${seqsText(seqs)} ${kind} by ${ballotText(ballot)}`)
        .join(', ')}`
    case 'reserved':
      return `${head} up to ${entry.mark}`
    case 'started':
      return `${head} ${entry.node}`
    case 'succession': {
      const { promised, accepted, voters } = entry
      const next = accepted.counter > 0 ? `, accepted ${votersText(voters)}` : ''
      return `${head} promised ${ballotText(promised)}${next}`
    }
    case 'sealed':
    case 'installed':
      return `${head} epoch ${entry.epoch}: ${votersText(entry.voters)}`
    default:
      return head
  }
}

/** What else a node does, on one line; '' for what a transcript does not show. */
export function effectText(names: Names, effect: Effect): string {
  switch (effect.type) {
    case 'run': {
      const { ledger, seqs, token, attempts } = effect
      const which = `${ledgerName(names, ledger)} ${seqsText(seqs)}`
      return `runs ${which} with token ${token}, attempt ${[...attempts].join('/')}`
    }
    case 'abort': {
      const { ledger, seqs, token, reason } = effect
      return `stops ${ledgerName(names, ledger)} ${seqsText(seqs)} of token ${token}: ${reason}`
    }
    case 'published':
      return `published ${effect.parts.map(part => `${ledgerName(names, part.ledger)} ${seqsText(part.seqs)}`).join(', ')}, durable: ${effect.durable}`
    case 'outcomes':
      return `learns ${ledgerName(names, effect.ledger)} ${effect.values.map(valueText).join(', ')}`
    case 'cancel-ended':
      return `cancel ended: ${partsText({ cancelled: effect.cancelled, 'too late': effect.tooLate })}`
    case 'report':
      return effect.event.type === 'duplicate'
        ? `its result for ${seqsText(effect.event.seqs)} came second`
        : ''
    default:
      return ''
  }
}
