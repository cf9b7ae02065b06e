import { diskWorld } from './disk-world.ts'
import { storeSuite } from './suite.ts'

for (const durability of ['process', 'disk'] as const) {
  storeSuite(`disk store, ${durability}`, {
    durability,
    world: t => diskWorld(t, durability),
  })
}
