import type { Message, Values } from '../../core/messages.ts'
import type { Ranges } from '../../core/ranges.ts'
import { ballotText, type Item, valueTexts, votersText } from './items.ts'
import type { Locals } from './locals.ts'
import type { Taken } from './explore.ts'

/** Tells a way through the states of a shape, one move per line, with what each has led to. */
export function tellPath(locals: Locals, path: readonly Taken[]): string {
  const nodes = locals.first()
  const lines: string[] = []
  for (const { node, item, move } of path) {
    const local = nodes[node] ?? 0
    const transition = item >= 0 ? locals.deliver(local, item) : locals.move(local, move)
    const { plan } = locals.actor(local)
    const what = item >= 0 ? `gets ${itemText(locals.items[item])}` : move
    lines.push(`  ${plan.peer}: ${what}`)
    for (const sent of transition?.items ?? []) {
      lines.push(`      ${itemText(locals.items[sent])}`)
    }
    if (transition !== null) nodes[node] = transition.next
  }
  return lines.join('\n')
}

function itemText(item: Item | undefined): string {
  if (item === undefined) return '?'
  switch (item.type) {
    case 'flight': {
      const { from, to, message, lsn } = item
      const shown = lsn > 0 ? ` [durable to ${lsn}]` : ''
      return `${from} -> ${to} ${messageText(message)}${shown}`
    }
    case 'proposed':
      return `* proposed for task ${item.seq} at ${ballotText(item.ballot)}: ${item.value}`
    case 'accepted':
      return `* ${item.voter} holds for task ${item.seq} at ${ballotText(item.ballot)}: ${item.value}`
    case 'decided':
      return `* ${item.by} takes task ${item.seq} for decided: ${item.value}`
    case 'collected':
      return `* ${item.by} has collected task ${item.seq} as ${item.kind}`
    case 'decided-at':
      return `* ${item.by} takes task ${item.seq} for decided at ${ballotText(item.ballot)}`
    case 'voted':
      return `* ${item.voter} has voted at ${ballotText(item.ballot)} for ${item.next} after ${item.epoch}`
    case 'sealed':
      return `* ${item.voter} has sealed epoch ${item.epoch} for ${item.next}`
    case 'installed':
      return `* ${item.voter} votes in epoch ${item.epoch} of ${item.next}`
    case 'successor':
      return `* ${item.by} takes ${item.next} for the successor of epoch ${item.epoch}`
    case 'run':
      return `* task ${item.seq} runs under ${ballotText(item.ballot)}`
    case 'began':
      return `* task ${item.seq} claimed under ${ballotText(item.ballot)}`
    default:
      item satisfies never
      return '?'
  }
}

function messageText(message: Message): string {
  switch (message.type) {
    case 'claim':
      return `CLAIM ${message.intent} ${ballotText(message.ballot)} ${runs(message.seqs)}`
    case 'claimed': {
      const { ballot, granted, accepted, refused } = message
      const had = accepted.map(item => `${ballotText(item.ballot)} ${texts(item.values)}`)
      const not = refused.map(({ reason, seqs }) => `${reason} ${runs(seqs)}`)
      return `CLAIMED ${ballotText(ballot)} granted ${runs(granted)} ${[...had, ...not].join(', ')}`
    }
    case 'settle': {
      const values = message.values.map(texts).join(' ')
      return `SETTLE ${ballotText(message.ballot)} ${values} accept lsn ${message.acceptLsn}`
    }
    case 'accepted': {
      const { ballot, accepted, behind, settled, missing } = message
      const parts = { accepted, behind, settled, missing }
      const told = Object.entries(parts).filter(([, seqs]) => seqs.length > 0)
      return `ACCEPTED ${ballotText(ballot)} ${told.map(([k, seqs]) => `${k} ${runs(seqs)}`).join()}`
    }
    case 'decided': {
      const told = message.outcomes.map(({ ballot, kind, seqs, values }) => {
        return `${kind} ${runs(seqs)} at ${ballotText(ballot)} ${values.map(texts).join(' ')}`
      })
      return `DECIDED ${told.join(', ')}`
    }
    case 'elect':
      return `ELECT ${ballotText(message.ballot)} ${votersText(message.voters)}`
    case 'elected': {
      const { ballot, granted, accepted, voters } = message
      const had = accepted.counter > 0 ? `${ballotText(accepted)} ${votersText(voters)}` : ''
      return `ELECTED ${ballotText(ballot)} ${granted ? 'granted' : 'refused'} ${had}`
    }
    case 'state': {
      const told = message.registers.map(group => {
        const value = group.values.map(texts).join()
        const { promised, accepted, seqs } = group
        return `${runs(seqs)} promised ${ballotText(promised)} ${ballotText(accepted)} ${value}`
      })
      const out = message.outcomes.map(({ ballot, kind, seqs }) => {
        return `${kind} ${runs(seqs)} at ${ballotText(ballot)}`
      })
      return `STATE ${message.epoch} ${message.sealed ? 'sealed' : ''} ${[...told, ...out].join()}`
    }
    default:
      return message.type.toUpperCase()
  }
}

function runs(seqs: Ranges): string {
  return `{${seqs.join(' ')}}`
}

function texts(values: Values): string {
  return valueTexts(values)
    .map(([seq, value]) => `${seq}:${value}`)
    .join(' ')
}
