/** The app after a deployment that took a capability away. */
export { later as default } from "./app.ts";
