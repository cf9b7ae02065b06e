import { Observer } from './observer.ts'

type Told<K extends keyof Observer> = Parameters<Observer[K]>

/** Tells several observers in turn. */
export class Observers extends Observer {
  readonly #all: Observer[]

  constructor(all: Observer[]) {
    super()
    this.#all = all
  }

  override started(...told: Told<'started'>): void {
    for (const one of this.#all) one.started(...told)
  }

  override stopped(...told: Told<'stopped'>): void {
    for (const one of this.#all) one.stopped(...told)
  }

  override lost(...told: Told<'lost'>): void {
    for (const one of this.#all) one.lost(...told)
  }

  override wrote(...told: Told<'wrote'>): void {
    for (const one of this.#all) one.wrote(...told)
  }

  override durable(...told: Told<'durable'>): void {
    for (const one of this.#all) one.durable(...told)
  }

  override checkpointed(...told: Told<'checkpointed'>): void {
    for (const one of this.#all) one.checkpointed(...told)
  }

  override asked(...told: Told<'asked'>): void {
    for (const one of this.#all) one.asked(...told)
  }

  override sent(...told: Told<'sent'>): void {
    for (const one of this.#all) one.sent(...told)
  }

  override received(...told: Told<'received'>): void {
    for (const one of this.#all) one.received(...told)
  }

  override ran(...told: Told<'ran'>): void {
    for (const one of this.#all) one.ran(...told)
  }

  override aborted(...told: Told<'aborted'>): void {
    for (const one of this.#all) one.aborted(...told)
  }

  override finished(...told: Told<'finished'>): void {
    for (const one of this.#all) one.finished(...told)
  }

  override cancelling(...told: Told<'cancelling'>): void {
    for (const one of this.#all) one.cancelling(...told)
  }

  override published(...told: Told<'published'>): void {
    for (const one of this.#all) one.published(...told)
  }

  override outcomes(...told: Told<'outcomes'>): void {
    for (const one of this.#all) one.outcomes(...told)
  }

  override quiet(...told: Told<'quiet'>): void {
    for (const one of this.#all) one.quiet(...told)
  }

  override outcomesCollected(...told: Told<'outcomesCollected'>): void {
    for (const one of this.#all) one.outcomesCollected(...told)
  }

  override cancelEnded(...told: Told<'cancelEnded'>): void {
    for (const one of this.#all) one.cancelEnded(...told)
  }
}
