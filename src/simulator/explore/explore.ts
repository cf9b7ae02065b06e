import type { Message } from '../../core/messages.ts'
import { type Fact, isOutcome } from './items.ts'
import { Locals, type Transition } from './locals.ts'
import { tellPath } from './path.ts'
import type { Shape } from './plan.ts'
import { checkFacts, chosenOf, type FirstEpoch } from './properties.ts'
import { StateSet, WordTable } from './state-set.ts'

/** What an exploration has found. */
export interface Exploration {
  readonly shape: string
  /** Different states of the whole cluster; those that differ only by names count once. */
  readonly states: number
  /** Different states of single nodes, each reached by running the core. */
  readonly locals: number
  readonly depth: number
  /** Whether every state was visited; else the bound of the shape cut the exploration off. */
  readonly complete: boolean
  readonly violations: readonly string[]
}

/** A step on the way to a state: which node, and the message it got or the move it made. */
export interface Taken {
  readonly node: number
  readonly item: number
  readonly move: string
}

/** Visits the states of a shape, nearest first, until all are visited or one is wrong. */
export function explore(shape: Shape, options: { maxStates?: number } = {}): Exploration {
  return new Explorer(shape, options.maxStates ?? shape.maxStates).run()
}

/** Answers that only somebody who has asked can use. */
const spendable: ReadonlySet<Message['type']> = new Set(['state', 'elected', 'installed'])

/** The numbers of the nodes' states, then those of the messages and facts, ascending. */
type State = Int32Array<ArrayBuffer>

/** A state, and where it stands among all that were found. */
interface Reached {
  readonly state: State
  readonly index: number
}

class Explorer {
  readonly #shape: Shape
  readonly #locals: Locals
  readonly #maxStates: number
  readonly #visited = new StateSet()
  /** Per symmetry, the words of node states and of what is in the air. */
  readonly #localWords: WordTable[] = []
  readonly #itemWords: WordTable[] = []
  readonly #begun: FirstEpoch
  readonly #nodes: number
  readonly #parents: number[] = [-1]
  readonly #taken: (Taken | undefined)[] = [undefined]
  /** Per message or fact, the node it goes to; −1 for a fact. */
  readonly #receivers: number[] = []
  #next: Reached[] = []
  #violation: string | undefined

  constructor(shape: Shape, maxStates: number) {
    this.#shape = shape
    this.#locals = new Locals(shape)
    this.#maxStates = maxStates
    const voters = shape.nodes.filter(({ votes }) => votes).length
    this.#begun = { epoch: shape.epoch, voters }
    this.#nodes = shape.nodes.length
    for (let i = 0; i < this.#locals.symmetries; i++) {
      // Every node has states of its own: their places in a state need not be told.
      this.#localWords.push(new WordTable(local => -1 - this.#locals.movedLocal(i, local)))
      this.#itemWords.push(new WordTable(item => this.#locals.movedItem(i, item)))
    }
  }

  run(): Exploration {
    const first = Int32Array.from(this.#locals.first())
    this.#visited.add(this.#hashOf(first))
    let reached = this.#begin(first)
    for (const event of this.#shape.before) reached = this.#happen(reached, event)
    let level = [reached]
    let depth = 0
    while (level.length > 0 && this.#goesOn()) {
      for (const { state, index } of level) {
        this.#expand(state, index)
        if (!this.#goesOn()) break
      }
      level = this.#next
      this.#next = []
      depth += 1
    }
    return {
      shape: this.#shape.name,
      states: this.#visited.size,
      locals: this.#locals.size,
      depth,
      complete: level.length === 0 && this.#goesOn(),
      violations: this.#violation === undefined ? [] : [this.#violation],
    }
  }

  /** The state that the exploration starts from. */
  #begin(first: State): Reached {
    let reached: Reached = { state: first, index: 0 }
    const go = (transition: Transition | null, taken: Taken): boolean => {
      if (transition !== null) this.#take(reached.state, reached.index, transition, taken)
      const next = this.#next.pop()
      if (next !== undefined) reached = next
      return next !== undefined
    }
    for (const [peer, move] of this.#shape.begins) {
      const node = this.#shape.nodes.findIndex(plan => plan.peer === peer)
      go(this.#locals.move(reached.state[node] as number, move), { node, item: -1, move })
      const deliver = (item: number): boolean => {
        const to = this.#receiverOf(item)
        if (to < 0) return false
        const transition = this.#locals.deliver(reached.state[to] as number, item)
        return go(transition, { node: to, item, move: '' })
      }
      while (reached.state.subarray(this.#nodes).some(deliver)) continue
    }
    return reached
  }

  /** Takes the one step that an event of the beginning names. */
  #happen({ state, index }: Reached, event: string): Reached {
    const [, peer = '', sign = '', rest = ''] = /^(\w+)(:| <) (.*)$/.exec(event) ?? []
    const node = this.#shape.nodes.findIndex(plan => plan.peer === peer)
    const item = sign === ':' ? -1 : this.#flightIn(state, peer, rest)
    const local = state[node] ?? -1
    const transition =
      item >= 0 ? this.#locals.deliver(local, item) : this.#locals.move(local, rest)
    if (transition === null) throw new RangeError(`${event} changes nothing`)
    this.#take(state, index, transition, { node, item, move: item >= 0 ? '' : rest })
    const next = this.#next.pop()
    if (next === undefined) throw new RangeError(`${event} leads nowhere`)
    return next
  }

  /** The message of a state that goes to a node, by its sender and type. */
  #flightIn(state: State, to: string, named: string): number {
    for (let i = this.#nodes; i < state.length; i++) {
      const found = this.#locals.items[state[i] as number]
      if (found?.type !== 'flight' || found.to !== to) continue
      if (`${found.from} ${found.message.type}` === named) return state[i] as number
    }
    throw new RangeError(`No message to ${to} is '${named}'`)
  }

  #goesOn(): boolean {
    return this.#violation === undefined && this.#visited.size < this.#maxStates
  }

  /** One hash for all states that are the same but for the names of nodes that are alike. */
  #hashOf(state: State): number {
    let localMax = 0
    for (let i = 0; i < this.#nodes; i++) localMax = Math.max(localMax, state[i] as number)
    const itemMax = state.length > this.#nodes ? (state[state.length - 1] as number) : 0
    let least = Infinity
    for (let symmetry = 0; symmetry < this.#itemWords.length; symmetry++) {
      const locals = this.#localWords[symmetry] as WordTable
      const items = this.#itemWords[symmetry] as WordTable
      locals.reach(localMax + 1)
      items.reach(Math.min(itemMax + 1, this.#locals.items.length))
      least = Math.min(least, hashWith(state, this.#nodes, locals, items))
    }
    return least
  }

  #expand(state: State, index: number): void {
    for (let node = 0; node < this.#nodes; node++) {
      const local = state[node] as number
      for (const move of this.#locals.moves(local)) {
        const transition = this.#locals.move(local, move)
        if (transition !== null) this.#take(state, index, transition, { node, item: -1, move })
      }
    }
    for (let i = this.#nodes; i < state.length; i++) {
      const item = state[i] as number
      const node = this.#receiverOf(item)
      if (node < 0) continue
      const transition = this.#locals.deliver(state[node] as number, item)
      if (transition !== null) this.#take(state, index, transition, { node, item, move: '' })
    }
  }

  #receiverOf(item: number): number {
    const known = this.#receivers[item]
    if (known !== undefined) return known
    const found = this.#locals.items[item]
    const node =
      found?.type === 'flight' ? this.#shape.nodes.findIndex(({ peer }) => peer === found.to) : -1
    this.#receivers[item] = node
    return node
  }

  #take(state: State, index: number, transition: Transition, taken: Taken): void {
    if (this.#violation !== undefined) return
    const { problem } = transition
    const before = state.subarray(this.#nodes)
    const news: number[] = []
    for (const item of transition.items) {
      if (!has(before, item) && !this.#isDead(state, item)) news.push(item)
    }
    if (this.#shape.order) news.push(...this.#beginnings(before, news, transition.begun))
    const kept = this.#kept(state, transition.next, taken)
    const next = new Int32Array(this.#nodes + kept.length + news.length)
    next.set(state.subarray(0, this.#nodes))
    next[taken.node] = transition.next
    next.set(kept, this.#nodes)
    next.set(news, this.#nodes + kept.length)
    if (news.length > 0) next.subarray(this.#nodes).sort()
    if (!this.#visited.add(this.#hashOf(next)) && problem === undefined) return
    this.#parents.push(index)
    this.#taken.push(taken)
    const at = this.#parents.length - 1
    const learnt = news.some(item => this.#receiverOf(item) < 0)
    const facts = learnt ? this.#facts(next.subarray(this.#nodes)) : []
    const wrong = problem ?? (learnt ? checkFacts(facts, this.#begun, this.#shape) : undefined)
    if (wrong !== undefined) this.#violation = `${wrong}\n${this.#tell(at)}`
    this.#next.push({ state: next, index: at })
  }

  /** Whether a message will never do anything at the node that it goes to. */
  #isDead(state: State, item: number): boolean {
    const node = this.#receiverOf(item)
    return node >= 0 && this.#isSpent(node, state[node] as number, item)
  }

  /**
   * The claims of a node that only proposes go forward only, and so does what a node gathers
   * before it votes in another epoch: what does nothing there now will do nothing later.
   */
  #isSpent(node: number, local: number, item: number): boolean {
    const found = this.#locals.items[item]
    const isAnswer = found?.type === 'flight' && spendable.has(found.message.type)
    if (!isAnswer && !this.#onlyProposes(node)) return false
    if (isAnswer && !this.#locals.isPast(local, item)) return false
    return this.#locals.deliver(local, item) === null
  }

  #onlyProposes(node: number): boolean {
    const plan = this.#shape.nodes[node]
    return plan !== undefined && !plan.votes && plan.crashes === 0
  }

  /** What stays in the air of what was there. */
  #kept(state: State, local: number, { node, item }: Taken): number[] {
    const kept: number[] = []
    for (let i = this.#nodes; i < state.length; i++) {
      const other = state[i] as number
      if (other === item && !this.#mayRepeat(item)) continue
      if (this.#receiverOf(other) === node && this.#isSpent(node, local, other)) continue
      kept.push(other)
    }
    return kept
  }

  #mayRepeat(item: number): boolean {
    const found = this.#locals.items[item]
    return found?.type === 'flight' && this.#shape.repeats.includes(found.message.type)
  }

  /** Notes for claims that have just begun what had happened by then. */
  #beginnings(before: State, news: readonly number[], begun: Transition['begun']): number[] {
    if (begun.length === 0) return []
    const facts = this.#facts([...before, ...news])
    const chosen = chosenOf(facts, this.#begun)
    return begun.map(({ seq, ballot }) => {
      let token = 0
      for (const fact of facts) {
        if (fact.type === 'run' && fact.seq === seq) token = Math.max(token, fact.ballot.counter)
      }
      const decided = chosen.some(also => also.seq === seq && isOutcome(also.value))
      return this.#locals.itemNumber({ type: 'began', seq, ballot, token, decided })
    })
  }

  #facts(numbers: Iterable<number>): Fact[] {
    const facts: Fact[] = []
    for (const number of numbers) {
      const item = this.#locals.items[number]
      if (item !== undefined && item.type !== 'flight') facts.push(item)
    }
    return facts
  }

  #tell(at: number): string {
    const path: Taken[] = []
    for (let i = at; i > 0; i = this.#parents[i] ?? 0) {
      const taken = this.#taken[i]
      if (taken !== undefined) path.unshift(taken)
    }
    return tellPath(this.#locals, path)
  }
}

/** A number from 1 to 2⁵³ − 1. */
function hashWith(state: State, nodes: number, locals: WordTable, items: WordTable): number {
  let a = 0
  let b = 0
  const [localA, localB] = [locals.first, locals.second]
  for (let i = 0; i < nodes; i++) {
    const local = state[i] as number
    a = (a + (localA[local] as number)) | 0
    b = (b + (localB[local] as number)) | 0
  }
  const [itemA, itemB] = [items.first, items.second]
  for (let i = nodes; i < state.length; i++) {
    const item = state[i] as number
    a = (a + (itemA[item] as number)) | 0
    b = (b + (itemB[item] as number)) | 0
  }
  return (a >>> 0) * 2 ** 21 + (b >>> 11) || 1
}

/** Whether an ascending list has a number. */
function has(sorted: Int32Array, number: number): boolean {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const mid = (low + high) >>> 1
    if ((sorted[mid] as number) < number) low = mid + 1
    else high = mid
  }
  return sorted[low] === number
}
