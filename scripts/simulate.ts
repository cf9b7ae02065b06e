/* `meshwork simulate` of this repository, without anything built. */
process.argv.splice(2, 0, 'simulate')
await import('../src/cli/main.ts')
