import type { PeerId } from '../../core/ids.ts'
import type { Actor } from './actor.ts'
import type { Item } from './items.ts'
import type { NodePlan, Shape } from './plan.ts'

/** Says of each node which other one, alike in all but its name, takes its place. */
export type Labels = ReadonlyMap<PeerId, PeerId>

/** All ways to exchange nodes of a shape that are alike; the first changes nothing. */
export function labelsOf(shape: Shape): Labels[] {
  let all: [PeerId, PeerId][][] = [[]]
  for (const group of groupsOf(shape.nodes)) {
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

function groupsOf(nodes: readonly NodePlan[]): PeerId[][] {
  const groups = new Map<string, PeerId[]>()
  for (const plan of nodes) {
    const key = JSON.stringify({ ...plan, peer: '' })
    groups.set(key, [...(groups.get(key) ?? []), plan.peer])
  }
  return [...groups.values()]
}

function ordersOf(names: readonly PeerId[]): PeerId[][] {
  if (names.length === 0) return [[]]
  return names.flatMap((name, i) => ordersOf(names.toSpliced(i, 1)).map(rest => [name, ...rest]))
}

/** Exchanges nodes in all that is known of them. */
export class Relabeller {
  readonly #shape: Shape
  readonly #labels: Labels
  /** Place among the voters, and in a ledger's list of proposers, by the place before. */
  readonly #voters: readonly number[]
  readonly #proposers: readonly number[]
  /** What was shared is shared again. */
  readonly #made = new Map<object, unknown>()

  constructor(shape: Shape, labels: Labels) {
    this.#shape = shape
    this.#labels = labels
    const voters = shape.nodes.filter(({ votes }) => votes).map(({ peer }) => peer)
    this.#voters = voters.map(peer => voters.indexOf(labels.get(peer) ?? ''))
    const starts = shape.nodes.flatMap(({ peer, crashes }) =>
      Array.from({ length: crashes + 1 }, (_, start) => `${peer}.${start}`),
    )
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
    const { voter, proposer, outbox, members, init, node, random } = machine
    this.#made.clear()
    const parts = this.#any({ voter, proposer, outbox, members, rest }) as {
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
      fields['index'] = this.#voters[fields['index'] as number]
    }
    return fields
  }

  // The list of voters, and each voter's list of proposers, keep their order.
  #isFixed(key: string): boolean {
    return key === 'info' || key === 'proposers' || key === 'proposerIndex'
  }

  #claiming(fields: Record<string, unknown>): void {
    for (const key of ['grants', 'refusals', 'accepts', 'nacks']) {
      const column = fields[key] as Uint8Array
      column.forEach((mask, at) => (column[at] = this.#mask(mask)))
    }
    for (const key of ['asked', 'answered', 'confirmed', 'gone']) {
      fields[key] = this.#mask(fields[key] as number)
    }
    for (const key of ['until', 'sentAt']) {
      const before = fields[key] as Float64Array
      const after = before.slice()
      this.#voters.forEach((to, from) => (after[to] = before[from] ?? 0))
      fields[key] = after
    }
  }

  #mask(mask: number): number {
    let moved = 0
    this.#voters.forEach((to, from) => {
      if ((mask & (1 << from)) !== 0) moved |= 1 << to
    })
    return moved
  }

  #page(fields: Record<string, unknown>): void {
    for (const key of ['promisedBy', 'acceptedBy']) {
      const column = fields[key] as Uint16Array
      column.forEach((index, at) => (column[at] = this.#proposers[index] ?? 0))
    }
  }
}
