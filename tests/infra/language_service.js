// Analyses Kusto queries with the language service of the portal.
//
// Arguments: its folder. Reads {"tables": {name: "(column: type, ...)"}, "queries": [text]} from standard input, and
// writes, for each query, {"problems": ["message at place"], "columns": {name: type}} as a list.

const fs = require("fs");
const path = require("path");
const vm = require("vm");

const FILES = ["bridge.min.js", "bridge.meta.min.js", "Kusto.Language.Bridge.min.js", "Kusto.Language.Bridge.meta.min.js"];

function analysed(Language, { tables, queries }) {
  const { DatabaseSymbol, TableSymbol } = Language.Symbols;
  const symbols = Object.entries(tables).map(([name, columns]) => new TableSymbol.$ctor7(name, columns, null));
  const globals = Language.GlobalState.Default.WithDatabase(new DatabaseSymbol.ctor("telemetry", symbols));
  return queries.map((query) => {
    const code = Language.KustoCode.ParseAndAnalyze(query, globals);
    const columns = code.ResultType && code.ResultType.Columns;
    return {
      problems: all(code.GetDiagnostics()).map((each) => `${each.Message} (at ${each.Start})`),
      columns: Object.fromEntries(columns ? all(columns).map((each) => [each.Name, each.Type.Name]) : []),
    };
  });
}

function all(list) {
  return Array.from({ length: list.Count }, (_, place) => list.getItem(place));
}

// The files are scripts that expect the globals of a browser, so they get a world of their own.
const context = vm.createContext({ console });
for (const name of FILES) {
  const file = path.join(process.argv[2], name);
  vm.runInContext(fs.readFileSync(file, "utf8"), context, { filename: file });
}
const request = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(analysed(vm.runInContext("Kusto.Language", context), request)));
