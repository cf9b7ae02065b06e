/** Something that will happen at a moment of virtual time. */
export interface Appointment {
  fire(): void
}

/** An appointment that calls a function; for what is rare. */
export class Call implements Appointment {
  readonly fire: () => void

  constructor(fire: () => void) {
    this.fire = fire
  }
}

/**
 * What is yet to happen: a binary heap by time, ties in the order they were made, so that a
 * run is the same every time.
 */
export class Agenda {
  readonly #at: number[] = []
  readonly #order: number[] = []
  readonly #what: Appointment[] = []
  #orders = 0

  get size(): number {
    return this.#what.length
  }

  /** When the next one is, or Infinity. */
  get nextAt(): number {
    return this.#at[0] ?? Infinity
  }

  add(at: number, what: Appointment): void {
    const order = this.#orders++
    let place = this.#what.length
    while (place > 0) {
      const parent = (place - 1) >>> 1
      if ((this.#at[parent] as number) <= at) break
      this.#move(parent, place)
      place = parent
    }
    this.#put(place, at, order, what)
  }

  /** Takes out the next one. There must be one. */
  take(): Appointment {
    const top = this.#what[0]
    const what = this.#what.pop()
    const at = this.#at.pop()
    const order = this.#order.pop()
    if (top === undefined || what === undefined || at === undefined || order === undefined) {
      throw new RangeError('Nothing is on the agenda')
    }
    if (this.#what.length === 0) return top
    const size = this.#what.length
    let place = 0
    for (;;) {
      let child = place * 2 + 1
      if (child >= size) break
      if (child + 1 < size && this.#isBefore(child + 1, child)) child += 1
      const childAt = this.#at[child] as number
      if (childAt > at || (childAt === at && (this.#order[child] as number) > order)) break
      this.#move(child, place)
      place = child
    }
    this.#put(place, at, order, what)
    return top
  }

  #isBefore(a: number, b: number): boolean {
    const difference = (this.#at[a] as number) - (this.#at[b] as number)
    return (
      difference < 0 ||
      (difference === 0 && (this.#order[a] as number) < (this.#order[b] as number))
    )
  }

  #move(from: number, to: number): void {
    this.#put(
      to,
      this.#at[from] as number,
      this.#order[from] as number,
      this.#what[from] as Appointment,
    )
  }

  #put(place: number, at: number, order: number, what: Appointment): void {
    this.#at[place] = at
    this.#order[place] = order
    this.#what[place] = what
  }
}
