/**
 * Sluice inside a process of your own: the engine, the workers and, if you call `listen`, the HTTP API.
 *
 * @example
 * const embedded = startEmbedded({ app, resources: loadResources(app, { dataDir }), logger: createLogger("WARN"), dataDir });
 * const url = await embedded.listen(8787, "127.0.0.1");
 */
export { DataError } from "./engines/embedded/errors.ts";
export { type Embedded, type EmbeddedOptions, startEmbedded } from "./host/host.ts";
export { loadApp } from "./host/load-app.ts";
export { loadResources, type ResourceOptions } from "./host/load-resources.ts";
export { createLogger } from "./host/logger.ts";
export { StartError } from "./host/options.ts";
