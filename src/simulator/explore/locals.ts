import { type Actor, copyActor, createActor } from './actor.ts'
import { type Flight, type Item } from './items.ts'
import { canReach, deliver, makeMove, movesOf } from './moves.ts'
import { actorText, normalise } from './normal.ts'
import type { Shape } from './plan.ts'
import { checkVoter } from './properties.ts'
import { labelsOf, Relabeller } from './relabel.ts'
import { wholeTextOf } from './text.ts'
import type { Begun, Turn } from './turn.ts'

/** What one move of one node leads to. */
export interface Transition {
  readonly next: number
  /** Numbers of what has come into the air by it. */
  readonly items: readonly number[]
  readonly begun: readonly Begun[]
  readonly problem: string | undefined
}

/**
 * The states that single nodes have been found in, and what each move does to them. A move
 * depends on nothing but the state of the node that makes it: so each is made once on the real
 * core, however many states of the whole cluster it is a part of.
 */
export class Locals {
  readonly shape: Shape
  readonly items: Item[] = []
  readonly #itemNumbers = new Map<string, number>()
  readonly #actors: Actor[] = []
  readonly #numbers = new Map<string, number>()
  readonly #moves: (readonly string[] | undefined)[] = []
  readonly #made: Map<string, Transition | null>[] = []
  readonly #delivered: Map<number, Transition | null>[] = []

  /** Ways to exchange nodes that are alike; the first changes nothing. */
  readonly symmetries: number
  readonly #relabellers: readonly Relabeller[]
  readonly #movedActors: number[][]
  readonly #movedItems: number[][]

  constructor(shape: Shape) {
    this.shape = shape
    this.#relabellers = labelsOf(shape).map(labels => new Relabeller(shape, labels))
    this.symmetries = this.#relabellers.length
    this.#movedActors = this.#relabellers.map(() => [])
    this.#movedItems = this.#relabellers.map(() => [])
  }

  /** The node state that one becomes by an exchange of nodes. */
  movedLocal(symmetry: number, local: number): number {
    const moved = this.#movedActors[symmetry] ?? []
    return (moved[local] ??= this.#moveLocal(symmetry, local))
  }

  /** The message or fact that one becomes by an exchange of nodes. */
  movedItem(symmetry: number, item: number): number {
    const moved = this.#movedItems[symmetry] ?? []
    return (moved[item] ??= this.#moveItem(symmetry, item))
  }

  #moveLocal(symmetry: number, local: number): number {
    const relabeller = this.#relabellers[symmetry]
    if (symmetry === 0 || relabeller === undefined) return local
    const actor = copyActor(relabeller.actor(this.actor(local)))
    normalise(this.shape, actor)
    return this.#numberOf(actor)
  }

  #moveItem(symmetry: number, number: number): number {
    const relabeller = this.#relabellers[symmetry]
    const item = this.items[number]
    if (symmetry === 0 || relabeller === undefined || item === undefined) return number
    return this.itemNumber(relabeller.item(item))
  }

  /** States of single nodes found so far. */
  get size(): number {
    return this.#actors.length
  }

  /** The first state of every node. */
  first(): number[] {
    return this.shape.nodes.map(plan => {
      const actor = createActor(this.shape, plan)
      normalise(this.shape, actor)
      return this.#numberOf(actor)
    })
  }

  /** What a node may do of itself. */
  moves(local: number): readonly string[] {
    return (this.#moves[local] ??= movesOf(this.shape, this.actor(local)))
  }

  actor(local: number): Actor {
    const actor = this.#actors[local]
    if (actor === undefined) throw new RangeError(`There is no node state ${local}`)
    return actor
  }

  /** What a move leads to; null if it changes nothing. */
  move(local: number, move: string): Transition | null {
    const made = (this.#made[local] ??= new Map<string, Transition | null>())
    let transition = made.get(move)
    if (transition === undefined) {
      transition = this.#perform(local, actor => makeMove(this.shape, actor, move))
      made.set(move, transition)
    }
    return transition
  }

  /** What a message leads to; null if it changes nothing, or cannot arrive. */
  deliver(local: number, item: number): Transition | null {
    const delivered = (this.#delivered[local] ??= new Map<number, Transition | null>())
    let transition = delivered.get(item)
    if (transition === undefined) {
      const flight = this.items[item] as Flight
      transition = canReach(this.actor(local), flight)
        ? this.#perform(local, actor => deliver(this.shape, actor, flight))
        : null
      delivered.set(item, transition)
    }
    return transition
  }

  /** Whether what a message answers is over at a node, or the node's start that asked. */
  isPast(local: number, item: number): boolean {
    const flight = this.items[item]
    const { machine, starts } = this.actor(local)
    if (flight?.type !== 'flight') return false
    if (flight.toStart !== starts) return flight.toStart < starts
    const { message } = flight
    const { voter, changer } = machine
    const change = changer.changes.get('ledger')
    switch (message.type) {
      case 'state':
        return (voter.ledgers.get('ledger')?.info.epoch ?? 0) > 0 && voter.joins.size === 0
      case 'elected':
        return changer.counter > message.ballot.counter || change?.stage === 'installing'
      default:
        return false
    }
  }

  /** The number of a message or fact. */
  itemNumber(item: Item): number {
    const text = wholeTextOf(item)
    const known = this.#itemNumbers.get(text)
    if (known !== undefined) return known
    this.items.push(item)
    this.#itemNumbers.set(text, this.items.length - 1)
    return this.items.length - 1
  }

  #perform(local: number, perform: (actor: Actor) => Turn): Transition | null {
    const before = this.actor(local)
    let turn: Turn
    try {
      turn = perform(copyActor(before))
    } catch (error) {
      const problem = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      return { next: local, items: [], begun: [], problem }
    }
    const { actor, items, begun } = turn
    const problem = checkVoter(before, actor)
    normalise(this.shape, actor)
    const next = this.#numberOf(actor)
    if (next === local && items.length === 0 && problem === undefined) return null
    const numbers = new Set(items.map(item => this.itemNumber(item)))
    return { next, items: [...numbers].sort((a, b) => a - b), begun, problem }
  }

  #numberOf(actor: Actor): number {
    const text = `${actor.plan.peer} ${actorText(actor)}`
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.#actors.push(actor)
    this.#numbers.set(text, this.#actors.length - 1)
    return this.#actors.length - 1
  }
}
