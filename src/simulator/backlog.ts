/** What happens to a process: at once, or when it is able to take it in again. */
export class Backlog {
  running = true
  paused = false
  #waiting: (() => void)[] = []

  /** Calls now, or when the process is resumed; never if it ends before. */
  whenAble(call: () => void): void {
    if (!this.running) return
    if (this.paused) this.#waiting.push(call)
    else call()
  }

  /** Makes up for what has waited. */
  resume(): void {
    this.paused = false
    const waiting = this.#waiting
    this.#waiting = []
    for (const call of waiting) this.whenAble(call)
  }

  /** Nothing happens to the process any more. */
  end(): void {
    this.running = false
    this.#waiting = []
  }
}
