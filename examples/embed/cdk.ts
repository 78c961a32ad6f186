import { App } from "aws-cdk-lib";
import { OrderDesk } from "./order-desk.ts";

new OrderDesk(new App(), "OrderDesk");
