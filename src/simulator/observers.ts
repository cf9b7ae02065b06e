import { Observer } from './observer.ts'

type Told<K extends keyof Observer> = Parameters<Observer[K]>

/** Observers by what they want to be told of: most care for little of what there is. */
type Concerned = { readonly [K in keyof Observer]: readonly Observer[] }

/** Tells several observers in turn. */
export class Observers extends Observer {
  readonly #to: Concerned

  constructor(all: Observer[]) {
    super()
    const concerned = (what: keyof Observer): readonly Observer[] =>
      all.filter(one => one[what] !== Observer.prototype[what])
    this.#to = {
      started: concerned('started'),
      stopped: concerned('stopped'),
      lost: concerned('lost'),
      wrote: concerned('wrote'),
      durable: concerned('durable'),
      checkpointed: concerned('checkpointed'),
      asked: concerned('asked'),
      sent: concerned('sent'),
      received: concerned('received'),
      ran: concerned('ran'),
      aborted: concerned('aborted'),
      finished: concerned('finished'),
      cancelling: concerned('cancelling'),
      published: concerned('published'),
      outcomes: concerned('outcomes'),
      quiet: concerned('quiet'),
      outcomesCollected: concerned('outcomesCollected'),
      cancelEnded: concerned('cancelEnded'),
    }
  }

  override started(...told: Told<'started'>): void {
    for (const one of this.#to.started) one.started(...told)
  }

  override stopped(...told: Told<'stopped'>): void {
    for (const one of this.#to.stopped) one.stopped(...told)
  }

  override lost(...told: Told<'lost'>): void {
    for (const one of this.#to.lost) one.lost(...told)
  }

  override wrote(...told: Told<'wrote'>): void {
    for (const one of this.#to.wrote) one.wrote(...told)
  }

  override durable(...told: Told<'durable'>): void {
    for (const one of this.#to.durable) one.durable(...told)
  }

  override checkpointed(...told: Told<'checkpointed'>): void {
    for (const one of this.#to.checkpointed) one.checkpointed(...told)
  }

  override asked(...told: Told<'asked'>): void {
    for (const one of this.#to.asked) one.asked(...told)
  }

  override sent(...told: Told<'sent'>): void {
    for (const one of this.#to.sent) one.sent(...told)
  }

  override received(...told: Told<'received'>): void {
    for (const one of this.#to.received) one.received(...told)
  }

  override ran(...told: Told<'ran'>): void {
    for (const one of this.#to.ran) one.ran(...told)
  }

  override aborted(...told: Told<'aborted'>): void {
    for (const one of this.#to.aborted) one.aborted(...told)
  }

  override finished(...told: Told<'finished'>): void {
    for (const one of this.#to.finished) one.finished(...told)
  }

  override cancelling(...told: Told<'cancelling'>): void {
    for (const one of this.#to.cancelling) one.cancelling(...told)
  }

  override published(...told: Told<'published'>): void {
    for (const one of this.#to.published) one.published(...told)
  }

  override outcomes(...told: Told<'outcomes'>): void {
    for (const one of this.#to.outcomes) one.outcomes(...told)
  }

  override quiet(...told: Told<'quiet'>): void {
    for (const one of this.#to.quiet) one.quiet(...told)
  }

  override outcomesCollected(...told: Told<'outcomesCollected'>): void {
    for (const one of this.#to.outcomesCollected) one.outcomesCollected(...told)
  }

  override cancelEnded(...told: Told<'cancelEnded'>): void {
    for (const one of this.#to.cancelEnded) one.cancelEnded(...told)
  }
}
