// Reads a JSON list of objects of KEDA and the Prometheus operator and checks each against its definition.
import { readFileSync } from "node:fs";
import * as keda from "@kubernetes-models/keda/keda.sh/v1alpha1";
import * as prometheus from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const groups = { "keda.sh/v1alpha1": keda, "monitoring.coreos.com/v1": prometheus };
let failed = false;
for (const one of JSON.parse(readFileSync(0, "utf8"))) {
  const place = `${one.kind}/${one.metadata.name}`;
  try {
    const { apiVersion, kind, ...rest } = one;
    new groups[apiVersion][kind](rest).validate();
    console.log("valid");
  } catch (error) {
    failed = true;
    console.error(`${place}: ${error.message}`);
  }
}
process.exitCode = failed ? 1 : 0;
