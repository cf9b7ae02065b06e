import { readFileSync } from 'node:fs'

/** The version in the package's manifest. */
export const packageVersion: string = read()

function read(): string {
  // One level up from here in the source as well as in what is built of it.
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { readonly version: string }).version
}
