// Reads a JSON list of queries on standard input and tells those that are no LogQL: one a line, as JSON, with where it
// goes wrong. Ends with 1 where there are any. node logql.mjs DIRECTORY-OF-NODE_MODULES
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { parser } = createRequire(`${process.argv[2]}/`)('@grafana/lezer-logql');
let bad = 0;
for (const query of JSON.parse(readFileSync(0, 'utf8'))) {
    let at = null;
    parser.parse(query).iterate({ enter(node) { if (node.type.isError && at === null) at = node.from; } });
    if (at !== null) {
        console.log(JSON.stringify({ query, at }));
        bad += 1;
    }
}
process.exit(bad === 0 ? 0 : 1);
