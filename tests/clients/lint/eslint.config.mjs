// The recommended rules for schemas, and those of Relay. What is set otherwise says why.
import graphql from "@graphql-eslint/eslint-plugin";

const recommended = graphql.configs["flat/schema-recommended"].rules;
const relay = graphql.configs["flat/schema-relay"].rules;
const [, names] = recommended["@graphql-eslint/naming-convention"];

const OBJECTS = "ObjectTypeDefinition,ObjectTypeExtension";

export default [
  {
    files: ["**/*.graphql"],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: "schema.graphql" } } },
    plugins: { "@graphql-eslint": graphql },
    rules: {
      ...recommended,
      ...relay,
      // `ForbiddenDataType` is a `DataType` that is forbidden: the suffix is the thing's name.
      "@graphql-eslint/naming-convention": ["error", { ...names, [OBJECTS]: { ...names[OBJECTS], ignorePattern: "^ForbiddenDataType$" } }],
      // An order number is what people call it, and `address1` is how WMSs, carriers and shops all write it.
      "@graphql-eslint/no-typename-prefix": "off",
      // What can be fetched by itself is a `Node`, and has an id. An address, a line or a payload is only ever part of one.
      "@graphql-eslint/strict-id-in-types": "off",
      // Lists that only grow by time (runs, rejects) are read forwards: the specification asks for one direction, not for both.
      "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
      // Short lists that belong to their object (lines, packages, errors) are plain lists; `nodes` stands beside `edges`. And
      // the rows that a run could not store are pages of a report: nobody fetches one of them again by an id.
      "@graphql-eslint/relay-edge-types": ["error", { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false }],
    },
  },
];
