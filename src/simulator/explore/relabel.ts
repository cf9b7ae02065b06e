import type { PeerId } from '../../core/ids.ts'
import { type Actor, proposersOf } from './actor.ts'
import type { Item } from './items.ts'
import type { LedgerInfo } from '../../core/messages.ts'
import type { Shape } from './plan.ts'

/** Says of each node which other one, alike in all but its name, takes its place. */
export type Labels = ReadonlyMap<PeerId, PeerId>

/** All ways to exchange nodes of a shape that are alike; the first changes nothing. */
export function labelsOf(shape: Shape): Labels[] {
  let all: [PeerId, PeerId][][] = [[]]
  for (const group of groupsOf(shape)) {
    const orders = ordersOf(group)
    all = all.flatMap(pairs =>
      orders.map(order => [
        ...pairs,
        ...order.map((to, i): [PeerId, PeerId] => [group[i] ?? '', to]),
      ]),
    )
  }
  return all.map(pairs => new Map(pairs))
}

/** Nodes that are alike, and so among the same voters in every epoch. */
function groupsOf(shape: Shape): PeerId[][] {
  const groups = new Map<string, PeerId[]>()
  for (const plan of shape.nodes) {
    const sets = [shape.next, shape.then, ...shape.nodes.flatMap(({ elects }) => elects)]
    const key = JSON.stringify([{ ...plan, peer: '' }, sets.map(set => set.includes(plan.peer))])
    groups.set(key, [...(groups.get(key) ?? []), plan.peer])
  }
  return [...groups.values()]
}

function ordersOf(names: readonly PeerId[]): PeerId[][] {
  if (names.length === 0) return [[]]
  return names.flatMap((name, i) => ordersOf(names.toSpliced(i, 1)).map(rest => [name, ...rest]))
}

const fixedLists: ReadonlySet<string> = new Set([
  'info',
  'proposers',
  'proposerIndex',
  'voters',
  'before',
  'found',
  'successor',
  'next',
])

function movedMask(mask: number, places: readonly number[]): number {
  let moved = 0
  places.forEach((to, from) => {
    if ((mask & (1 << from)) !== 0) moved |= 1 << to
  })
  return moved
}

/** Exchanges nodes in all that is known of them. */
export class Relabeller {
  readonly #shape: Shape
  readonly #labels: Labels
  /** Place in a ledger's list of proposers, by the place before. */
  readonly #proposers: readonly number[]
  /** What was shared is shared again. */
  readonly #made = new Map<object, unknown>()

  constructor(shape: Shape, labels: Labels) {
    this.#shape = shape
    this.#labels = labels
    const starts = proposersOf(shape)
    const moved = starts.map(node => 1 + starts.indexOf(this.#text(node)))
    this.#proposers = [0, ...moved]
  }

  item(item: Item): Item {
    this.#made.clear()
    return this.#any(item) as Item
  }

  /** The same node state, had nodes been named so. */
  actor({ plan, machine, ...rest }: Actor): Actor {
    const peer = this.#text(plan.peer)
    const { voter, proposer, outbox, members, changer, init, node, random } = machine
    this.#made.clear()
    const parts = this.#any({ voter, proposer, outbox, members, changer, rest }) as {
      changer: typeof changer
      voter: typeof voter
      proposer: typeof proposer
      outbox: typeof outbox
      members: typeof members
      rest: typeof rest
    }
    return {
      ...parts.rest,
      plan: this.#shape.nodes.find(other => other.peer === peer) ?? plan,
      machine: {
        ...machine,
        init: { ...init, peer, storageId: this.#text(init.storageId) },
        node: this.#text(node),
        random,
        voter: parts.voter,
        proposer: parts.proposer,
        outbox: parts.outbox,
        members: parts.members,
        changer: parts.changer,
      },
    }
  }

  #text(text: string): string {
    return text.replace(/[a-z]\d\b/g, name => this.#labels.get(name) ?? name)
  }

  #any(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value)
    if (typeof value !== 'object' || value === null) return value
    const known = this.#made.get(value)
    if (known !== undefined) return known
    const moved = this.#structure(value)
    this.#made.set(value, moved)
    return moved
  }

  #structure(value: object): unknown {
    if (ArrayBuffer.isView(value)) return (value as Uint8Array).slice()
    if (Array.isArray(value)) return value.map(item => this.#any(item))
    if (value instanceof Set) return new Set([...value].map(item => this.#any(item)))
    if (value instanceof Map) {
      const pairs = [...value].map(([key, item]) => [this.#any(key), this.#any(item)] as const)
      return new Map(pairs)
    }
    return this.#fields(value as Record<string, unknown>)
  }

  #fields(value: Record<string, unknown>): unknown {
    const fields: Record<string, unknown> = {}
    for (const key in value) {
      const field = value[key]
      fields[key] = this.#isFixed(key) ? field : this.#any(field)
    }
    if ('refusals' in fields && 'nacks' in fields) this.#claiming(fields)
    if ('promisedBy' in fields) this.#page(fields)
    if ('pageTasks' in fields && 'proposers' in fields) {
      const places = this.#places(fields['info'] as LedgerInfo)
      fields['index'] = places[fields['index'] as number] ?? -1
    }
    return fields
  }

  // Lists of voters, and each voter's list of proposers, keep their order.
  #isFixed(key: string): boolean {
    return fixedLists.has(key)
  }

  /** Place among the voters of an epoch, by the place before. */
  #places({ voters }: LedgerInfo): number[] {
    const peers = voters.map(({ peer }) => peer)
    return peers.map(peer => peers.indexOf(this.#labels.get(peer) ?? ''))
  }

  #claiming(fields: Record<string, unknown>): void {
    const places = this.#places(fields['info'] as LedgerInfo)
    for (const key of ['grants', 'refusals', 'accepts', 'nacks']) {
      const column = fields[key] as Uint8Array
      column.forEach((mask, at) => (column[at] = movedMask(mask, places)))
    }
    for (const key of ['asked', 'answered', 'confirmed', 'gone', 'doubtful']) {
      fields[key] = movedMask(fields[key] as number, places)
    }
    for (const key of ['until', 'sentAt']) {
      const before = fields[key] as Float64Array
      const after = before.slice()
      places.forEach((to, from) => (after[to] = before[from] ?? 0))
      fields[key] = after
    }
  }

  #page(fields: Record<string, unknown>): void {
    for (const key of ['promisedBy', 'acceptedBy']) {
      const column = fields[key] as Uint16Array
      column.forEach((index, at) => (column[at] = this.#proposers[index] ?? 0))
    }
  }
}
