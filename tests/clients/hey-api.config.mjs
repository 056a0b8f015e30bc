// Node reads modules whose imports name their files.
import { defineConfig } from "@hey-api/openapi-ts";

export default defineConfig(
  ["api", "keys"].map((service) => ({
    input: `${service}.json`,
    output: { path: service, module: { extension: ".js" } },
    plugins: ["@hey-api/client-fetch", "@hey-api/sdk", "@hey-api/typescript"],
  })),
);
