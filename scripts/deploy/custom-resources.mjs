// Holds resources of KEDA and of Prometheus' operator, as JSON on standard input, to the schemas of
// their definitions. Prints what is wrong, a line each. It is run from a copy beside the schemas.
import * as keda from "@kubernetes-models/keda/keda.sh/v1alpha1";
import * as monitoring from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { readFileSync } from "node:fs";

const groups = { "keda.sh/v1alpha1": keda, "monitoring.coreos.com/v1": monitoring };
let n_wrong = 0;
for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  const Model = groups[resource.apiVersion]?.[resource.kind];
  try {
    if (!Model) throw new Error("there is no such kind");
    new Model(resource).validate();
  } catch (error) {
    n_wrong += 1;
    console.log(`${resource.kind} ${resource.metadata?.name}: ${error.message}`);
  }
}
process.exit(n_wrong ? 1 : 0);
