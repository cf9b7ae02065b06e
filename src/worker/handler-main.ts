import { HandlerHost } from './handler-host.ts'
import { errorOutcome } from './outcome.ts'
import type { FromProcess, ThreadData, ToProcess } from './thread-messages.ts'

/** A process that runs handlers. */
function main(data: ThreadData): void {
  const say = (message: FromProcess): void => {
    // A node that is gone needs to hear nothing.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
  }
  const host = new HandlerHost(data, say)
  process.on('message', (message: ToProcess) => {
    if (message.type !== 'run') return host.hear(message)
    const { id } = message.task
    void host.run(message.task).then(outcome => say({ type: 'ended', id, outcome }))
  })
  process.on('uncaughtExceptionMonitor', error => {
    say({ type: 'uncaught', outcome: errorOutcome(error) })
  })
  process.on('disconnect', () => process.exit())
}

process.once('message', main)
