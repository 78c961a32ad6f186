import { defineApp } from "sluice";
import { analyze } from "./analyze.ts";
import { model, retrieval, tools } from "./capabilities.ts";

/** The app module of `sluice-embedded --app sluice.ts`. */
export default defineApp({ workflows: [analyze], capabilities: [retrieval, model, tools] });
