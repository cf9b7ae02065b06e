import { memoryWorld } from './memory-world.ts'
import { storeSuite } from './suite.ts'

for (const durability of ['process', 'disk'] as const) {
  storeSuite(`memory store, ${durability}`, {
    durability,
    world: async () => memoryWorld(durability),
  })
}
