// What the schemas of node kinds do not say: when a field matters, and which fields want more than a text field. Data; a test
// holds every path against the schemas of the server.

import type { Shape, When } from "./types";

export type Hint = {
  label?: string;
  about?: string;
  placeholder?: string;
  isLong?: boolean;
  isRare?: boolean;
  shape?: Shape;
  when?: When;
};
export type Hints = Record<string, Hint>;

const when = (...any: Record<string, (string | number | boolean)[]>[]): { when: When } => ({ when: any });
const rare: Hint = { isRare: true };
const javascript: Hint = { shape: { is: "code", language: "javascript" } };
const html: Hint = { shape: { is: "code", language: "html" } };
const css: Hint = { shape: { is: "code", language: "css" } };
const json: Hint = { shape: { is: "code", language: "json" } };
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"].map((value) => ({ value, label: value, about: "" }));

/** The rules of triggers that go by the clock. */
function interval(path: string): Hints {
  const of = (...fields: string[]) => when({ field: fields });
  const unit = (name: string, label: string): Hints => ({ [`${path}[].${name}Interval`]: { label, ...of(name) } });
  return {
    [`${path}[].field`]: { label: "Every" },
    ...unit("seconds", "Seconds between two runs"), ...unit("minutes", "Minutes between two runs"), ...unit("hours", "Hours between two runs"),
    ...unit("days", "Days between two runs"), ...unit("weeks", "Weeks between two runs"), ...unit("months", "Months between two runs"),
    [`${path}[].triggerAtDay`]: { label: "On these days", shape: { is: "weekdays" }, ...of("weeks") },
    [`${path}[].triggerAtDayOfMonth`]: { label: "Day of the month", ...of("months") },
    [`${path}[].triggerAtHour`]: { label: "At this hour", ...of("days", "weeks", "months") },
    [`${path}[].triggerAtMinute`]: { label: "At this minute", ...of("hours", "days", "weeks", "months") },
    [`${path}[].expression`]: { label: "Cron expression", shape: { is: "cron" }, ...of("cronExpression") },
  };
}

/** The fields of a form for people. */
function formFields(path: string): Hints {
  const of = (...types: string[]) => when({ fieldType: types });
  const choices = of("dropdown", "checkbox", "radio");
  return {
    [`${path}[].placeholder`]: of("text", "textarea", "number", "email", "password"),
    [`${path}[].requiredField`]: of("text", "textarea", "number", "email", "password", "date", "dropdown", "checkbox", "radio", "file"),
    [`${path}[].defaultValue`]: of("text", "textarea", "number", "email", "date", "dropdown", "radio"),
    [`${path}[].fieldValue`]: of("hiddenField"), [`${path}[].html`]: { ...html, ...of("html") }, [`${path}[].elementName`]: of("html"),
    [`${path}[].multiselect`]: of("dropdown"), [`${path}[].fieldOptions`]: choices, [`${path}[].acceptFileTypes`]: of("file"),
    [`${path}[].multipleFiles`]: of("file"), [`${path}[].limitSelection`]: of("checkbox"),
    [`${path}[].numberOfSelections`]: when({ fieldType: ["checkbox"], limitSelection: ["exact"] }),
    [`${path}[].minSelections`]: when({ fieldType: ["checkbox"], limitSelection: ["range"] }),
    [`${path}[].maxSelections`]: when({ fieldType: ["checkbox"], limitSelection: ["range"] }),
    [`${path}[].formatDate`]: of("date"),
  };
}

const webhook: Hints = {
  httpMethod: { label: "HTTP methods", shape: { is: "choices", choices: METHODS } },
  multipleMethods: { label: "An output for each method" },
  path: { placeholder: "orders/:number" },
  responseCode: when({ responseMode: ["onReceived", "lastNode"] }), responseData: when({ responseMode: ["lastNode"] }),
  responseBinaryPropertyName: when({ responseMode: ["lastNode"], responseData: ["firstEntryBinary"] }),
};

const inputs = (name: string) => ({
  [`send${name}`]: {}, [`specify${name}`]: when({ [`send${name}`]: [true] }),
});

const fieldChoice = (all: string, some: string, except: string): Hints => ({
  fieldsToInclude: when({ include: [some] }), ...(except === "" ? {} : { fieldsToExclude: when({ include: [except] }) }), ...(all === "" ? {} : {}),
});

const row = (...operations: string[]) => when({ resource: ["row"], operation: operations });
const of = (...operations: string[]) => when({ operation: operations });
const action = (...actions: string[]) => when({ action: actions });

const HINTS: Record<string, Hints> = {
  aggregate: {
    fieldsToAggregate: when({ aggregate: ["aggregateIndividualFields"] }), destinationFieldName: when({ aggregate: ["aggregateAllItemData"] }),
    include: when({ aggregate: ["aggregateAllItemData"] }), fieldsToInclude: when({ aggregate: ["aggregateAllItemData"], include: ["specifiedFields"] }),
    fieldsToExclude: when({ aggregate: ["aggregateAllItemData"], include: ["allFieldsExcept"] }),
    "fieldsToAggregate.fieldToAggregate[].outputFieldName": when({ renameField: [true] }),
    "options.wantsFields": rare, "options.pairsWithFirst": rare,
  },
  chat_trigger: { initialMessages: { isLong: true, ...when({ mode: ["hostedChat"] }) } },
  code: { jsCode: { ...javascript, ...when({ language: ["javaScript"] }) }, pythonCode: { shape: { is: "code", language: "python" }, ...when({ language: ["python"] }) } },
  compare_datasets: {
    preferWhenMix: when({ resolve: ["mix"] }), exceptWhenMix: when({ resolve: ["mix"] }), "options.wantsFields": rare, "options.names": rare,
  },
  compression: {
    outputFormat: of("compress"), fileName: of("compress"), binaryPropertyOutput: of("compress"), outputPrefix: of("decompress"), numbered: rare,
  },
  convert_to_file: {
    sourceProperty: of("toText", "toBinary"), mode: of("toJson", "html", "toText"), title: of("iCal"), start: { shape: { is: "date" }, ...of("iCal") },
    end: { shape: { is: "date" }, ...of("iCal") }, allDay: of("iCal"), additionalFields: of("iCal"),
  },
  crypto: {
    type: action("hash", "hmac"), binaryData: action("hash", "hmac"), value: when({ action: ["hash", "hmac", "sign"], binaryData: [false] }),
    binaryPropertyName: when({ action: ["hash", "hmac"], binaryData: [true] }), encoding: action("hash", "hmac", "sign"),
    secret: rare, privateKey: rare, algorithm: action("sign"), encodingType: action("generate"),
    stringLength: when({ action: ["generate"], encodingType: ["ascii", "base64", "hex"] }),
  },
  data_table: {
    dataTableId: { label: "Data table", shape: { is: "table" }, ...when({ resource: ["row"] }, { resource: ["table"], operation: ["rename", "delete"] }) },
    operation: {}, matchType: row("get", "rowExists", "rowNotExists", "update", "upsert", "deleteRows"),
    filters: row("get", "rowExists", "rowNotExists", "update", "upsert", "deleteRows"), columns: row("insert", "update", "upsert"),
    returnAll: row("get"), limit: when({ resource: ["row"], operation: ["get"], returnAll: [false] }), orderBy: row("get"),
    orderByColumn: when({ operation: ["get"], orderBy: [true] }), orderByDirection: when({ operation: ["get"], orderBy: [true] }),
    tableName: when({ resource: ["table"], operation: ["create"] }), newName: when({ resource: ["table"], operation: ["rename"] }),
    tableColumns: when({ resource: ["table"], operation: ["create"] }),
    "filters.conditions[].keyValue": when({ condition: ["eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike"] }),
  },
  date_time: {
    includeTime: of("getCurrentDate"), magnitude: { label: "Date", shape: { is: "date" }, ...of("addToDate", "subtractFromDate") }, timeUnit: of("addToDate", "subtractFromDate"),
    duration: of("addToDate", "subtractFromDate"), date: { shape: { is: "date" }, ...of("formatDate", "roundDate", "extractDate") }, format: of("formatDate"),
    customFormat: when({ operation: ["formatDate"], format: ["custom"] }), mode: of("roundDate"),
    toNearest: when({ operation: ["roundDate"], mode: ["roundDown"] }), to: when({ operation: ["roundDate"], mode: ["roundUp"] }),
    startDate: { shape: { is: "date" }, ...of("getTimeBetweenDates") }, endDate: { shape: { is: "date" }, ...of("getTimeBetweenDates") }, units: of("getTimeBetweenDates"),
    part: of("extractDate"), "options.timezone": { shape: { is: "zone" } }, "options.fromTimezone": { shape: { is: "zone" } }, "options.letters": rare,
  },
  debug_helper: {
    throwErrorMessage: when({ category: ["throwError"] }), randomDataType: when({ category: ["randomData"] }), randomDataSeed: when({ category: ["randomData"] }),
    randomDataCount: when({ category: ["randomData"] }), randomDataSingleArray: when({ category: ["randomData"] }),
    nanoidAlphabet: when({ category: ["randomData"], randomDataType: ["nanoid"] }), nanoidLength: when({ category: ["randomData"], randomDataType: ["nanoid"] }),
  },
  execute_workflow: {
    workflowId: { label: "Workflow", shape: { is: "workflow" }, ...when({ source: ["database"] }) }, workflowJson: { ...json, ...when({ source: ["parameter"] }) },
    workflowPath: when({ source: ["localFile"] }), workflowUrl: when({ source: ["url"] }), workflowInputs: when({ source: ["database"] }), failuresByPlace: rare,
  },
  execute_workflow_trigger: { workflowInputs: when({ inputSource: ["workflowInputs"] }), jsonExample: { ...json, ...when({ inputSource: ["jsonExample"] }) } },
  execution_data: { nullIsEmpty: rare },
  extract_from_file: { destinationKey: of("fromIcs", "fromJson", "text", "xml", "binaryToPropery", "html") },
  form: {
    defineForm: of("page"), jsonOutput: { ...json, ...when({ operation: ["page"], defineForm: ["json"] }) }, formFields: when({ operation: ["page"], defineForm: ["fields"] }), respondWith: of("completion"),
    completionTitle: when({ operation: ["completion"], respondWith: ["text"] }), completionMessage: when({ operation: ["completion"], respondWith: ["text"] }),
    redirectUrl: when({ operation: ["completion"], respondWith: ["redirect"] }), responseText: { ...html, ...when({ operation: ["completion"], respondWith: ["showText"] }) },
    inputDataFieldName: when({ operation: ["completion"], respondWith: ["returnBinary"] }), limitWaitTime: of("page"),
    limitType: when({ operation: ["page"], limitWaitTime: [true] }), resumeAmount: when({ operation: ["page"], limitWaitTime: [true], limitType: ["afterTimeInterval"] }),
    resumeUnit: when({ operation: ["page"], limitWaitTime: [true], limitType: ["afterTimeInterval"] }),
    maxDateAndTime: { shape: { is: "date" }, ...when({ operation: ["page"], limitWaitTime: [true], limitType: ["atSpecifiedTime"] }) },
    "options.customCss": css, ...formFields("formFields.values"),
  },
  form_trigger: { path: { placeholder: "feedback" }, "options.customCss": css, ...formFields("formFields.values"),
    "options.respondWithOptions.values.formSubmittedText": when({ respondWith: ["text"] }), "options.respondWithOptions.values.redirectUrl": when({ respondWith: ["redirect"] }) },
  function: { functionCode: javascript },
  function_item: { functionCode: javascript },
  graphql: {
    endpoint: { placeholder: "https://api.example.com/graphql" }, genericAuthType: { label: "Kind of credential", ...when({ authentication: ["genericCredentialType"] }) }, query: { isLong: true },
    requestFormat: when({ requestMethod: ["POST"] }), variables: { ...json, ...when({ requestFormat: ["json"] }) }, operationName: when({ requestFormat: ["json"] }),
    dataPropertyName: when({ responseFormat: ["string"] }),
    "headerParameters.parameters[].parameterType": rare, "headerParameters.parameters[].inputDataFieldName": rare,
  },
  html: {
    html: { ...html, ...of("generateHtmlTemplate") }, sourceData: of("extractHtmlContent"), dataPropertyName: of("extractHtmlContent"), extractionValues: of("extractHtmlContent"),
    "extractionValues.values[].attribute": when({ returnValue: ["attribute"] }), "extractionValues.values[].skipSelectors": when({ returnValue: ["text"] }),
    "options.bareText": rare, "options.keepEmpty": rare,
  },
  http_request: {
    method: { shape: { is: "choice", choices: METHODS } }, url: { placeholder: "https://api.example.com/orders" },
    genericAuthType: { label: "Kind of credential", ...when({ authentication: ["genericCredentialType"] }) }, nodeCredentialType: when({ authentication: ["predefinedCredentialType"] }),
    sendQuery: { label: "Send a query" }, sendHeaders: { label: "Send headers" }, sendBody: { label: "Send a body" }, ...inputs("Query"), ...inputs("Headers"),
    queryParameters: when({ sendQuery: [true], specifyQuery: ["keypair"] }), jsonQuery: { ...json, ...when({ sendQuery: [true], specifyQuery: ["json"] }) },
    headerParameters: when({ sendHeaders: [true], specifyHeaders: ["keypair"] }), jsonHeaders: { ...json, ...when({ sendHeaders: [true], specifyHeaders: ["json"] }) },
    contentType: when({ sendBody: [true] }), specifyBody: when({ sendBody: [true], contentType: ["json", "form-urlencoded"] }),
    bodyParameters: when({ sendBody: [true], contentType: ["json", "form-urlencoded"], specifyBody: ["keypair"] }, { sendBody: [true], contentType: ["multipart-form-data"] }),
    nestFields: when({ sendBody: [true], contentType: ["json"], specifyBody: ["keypair"] }), jsonBody: { ...json, ...when({ sendBody: [true], contentType: ["json"], specifyBody: ["json"] }) },
    body: { isLong: true, ...when({ sendBody: [true], contentType: ["raw"] }, { sendBody: [true], contentType: ["form-urlencoded"], specifyBody: ["string"] }) },
    rawContentType: when({ sendBody: [true], contentType: ["raw"] }), inputDataFieldName: when({ sendBody: [true], contentType: ["binaryData"] }),
    idempotencyKey: { label: "Send an idempotency key", ...when({ method: ["POST", "PUT", "PATCH", "DELETE"] }) }, failAsAWhole: rare,
    ...Object.fromEntries(["query", "header"].flatMap((name) => ["parameterType", "inputDataFieldName"].map((key) => [`${name}Parameters.parameters[].${key}`, rare]))),
    "bodyParameters.parameters[].parameterType": when({ "/contentType": ["multipart-form-data"] }), "bodyParameters.parameters[].inputDataFieldName": when({ parameterType: ["formBinaryData"] }),
    "options.pagination.pagination.nextURL": when({ paginationMode: ["responseContainsNextURL"] }), "options.pagination.pagination.parameters": when({ paginationMode: ["updateAParameterInEachRequest"] }),
    "options.pagination.pagination.statusCodesWhenComplete": when({ paginationCompleteWhen: ["receiveSpecificStatusCodes"] }),
    "options.pagination.pagination.completeExpression": when({ paginationCompleteWhen: ["other"] }), "options.pagination.pagination.maxRequests": when({ limitPagesFetched: [true] }),
    "options.redirect.redirect.maxRedirects": when({ followRedirects: [true] }), "options.response.response.outputPropertyName": when({ responseFormat: ["file", "text"] }),
    "options.response.response.jsonText": rare, "options.response.response.splitIntoItems": rare,
  },
  jwt: {
    useJson: { label: "Write the claims as JSON", ...of("sign") }, claims: when({ operation: ["sign"], useJson: [false] }), claimsJson: { ...json, ...when({ operation: ["sign"], useJson: [true] }) },
    headerClaims: { ...json, isRare: true }, token: of("decode", "verify"),
  },
  local_file_trigger: { ...interval("rule.interval"), events: when({ triggerOn: ["folder"] }), path: { placeholder: "inbox" } },
  loop_over_items: { layout: rare },
  markdown: {
    html: { ...html, ...when({ mode: ["htmlToMarkdown"] }) }, markdown: { shape: { is: "code", language: "markdown" }, ...when({ mode: ["markdownToHtml"] }) },
    ...Object.fromEntries(["openLinksInNewWindow", "simplifiedAutoLink", "backslashEscapesHTMLTags", "completeHTMLDocument", "customizedHeaderId", "encodeEmails", "excludeTrailingPunctuationFromURLs", "ghCodeBlocks", "ghCompatibleHeaderId", "ghMentions", "ghMentionsLink", "tasklists", "headerLevelStart", "requireSpaceBeforeHeadingText", "literalMidWordAsterisks", "literalMidWordUnderscores", "noHeaderId", "parseImgDimensions", "prefixHeaderId", "rawHeaderId", "rawPrefixHeaderId", "simpleLineBreaks", "smartIndentationFix", "disableForced4SpacesIndentedSublists", "splitAdjacentBlockquotes", "strikethrough", "tablesHeaderId", "tables"].map((key) => [`options.${key}`, when({ "/mode": ["markdownToHtml"] })])),
    ...Object.fromEntries(["bulletMarker", "codeFence", "emDelimiter", "strongDelimiter", "globalEscape", "lineStartEscape", "ignore", "blockElements", "keepDataImages", "maxConsecutiveNewlines", "useLinkReferenceDefinitions", "codeBlockStyle", "textReplace"].map((key) => [`options.${key}`, when({ "/mode": ["htmlToMarkdown"] })])),
  },
  merge: {
    numberInputs: when({ mode: ["append", "chooseBranch"] }, { mode: ["combine"], combineBy: ["combineByPosition"] }), combineBy: when({ mode: ["combine"] }),
    advanced: when({ mode: ["combine"], combineBy: ["combineByFields"] }), fieldsToMatchString: { label: "Fields to match", ...when({ mode: ["combine"], combineBy: ["combineByFields"], advanced: [false] }) },
    mergeByFields: { label: "Fields to match", ...when({ mode: ["combine"], combineBy: ["combineByFields"], advanced: [true] }) }, joinMode: when({ mode: ["combine"], combineBy: ["combineByFields"] }),
    outputDataFrom: when({ mode: ["combine"], combineBy: ["combineByFields"], joinMode: ["keepMatches", "keepNonMatches"] }), output: when({ mode: ["chooseBranch"] }),
    useDataOfInput: when({ mode: ["chooseBranch"], output: ["specifiedInput"] }),
    ...Object.fromEntries(["ofTwo", "wantsFields", "keepsKeys", "pairsWithInput1", "unpairedFrom", "choosesWithoutItems"].map((key) => [`options.${key}`, rare])),
  },
  move_binary_data: {
    setAllData: when({ mode: ["binaryToJson"] }), convertAllData: when({ mode: ["jsonToBinary"] }), sourceKey: when({ mode: ["binaryToJson"] }, { mode: ["jsonToBinary"], convertAllData: [false] }),
    destinationKey: when({ mode: ["jsonToBinary"] }, { mode: ["binaryToJson"], setAllData: [false] }),
  },
  postgres: {
    query: { shape: { is: "code", language: "sql" }, ...of("executeQuery") }, schema: of("deleteTable", "insert", "select", "update", "upsert"), table: of("deleteTable", "insert", "select", "update", "upsert"),
    columns: of("insert", "update", "upsert"), deleteCommand: of("deleteTable"), restartSequences: when({ operation: ["deleteTable"], deleteCommand: ["truncate"] }),
    where: when({ operation: ["select"] }, { operation: ["deleteTable"], deleteCommand: ["delete"] }), combineConditions: when({ operation: ["select"] }, { operation: ["deleteTable"], deleteCommand: ["delete"] }),
    returnAll: of("select"), limit: when({ operation: ["select"], returnAll: [false] }), sort: of("select"),
    "where.values[].value": when({ condition: ["equal", "!=", "LIKE", ">", "<", ">=", "<="] }),
  },
  read_write_file: {
    fileSelector: { placeholder: "reports/*.csv", ...of("read") }, fileName: of("write"), dataPropertyName: of("write"), "options.append": when({ "/operation": ["write"] }),
    "options.keepItem": rare, "options.bare": rare,
  },
  redis: {
    key: of("delete", "get", "incr", "set"), propertyName: of("get", "pop", "llen"), keyType: of("get", "set"), value: of("set"), valueIsJSON: when({ operation: ["set"], keyType: ["hash"] }),
    expire: of("set", "incr"), ttl: when({ operation: ["set", "incr"], expire: [true] }), keyPattern: of("keys"), getValues: of("keys"), channel: of("publish"), list: of("push", "pop", "llen"),
    messageData: of("publish", "push"), tail: of("push", "pop"), options: of("get", "pop", "llen"),
  },
  remove_duplicates: {
    compare: of("removeDuplicateInputItems"), fieldsToCompare: when({ operation: ["removeDuplicateInputItems"], compare: ["selectedFields"] }),
    fieldsToExclude: when({ operation: ["removeDuplicateInputItems"], compare: ["allFieldsExcept"] }), logic: of("removeItemsSeenInPreviousExecutions"),
    dedupeValue: when({ operation: ["removeItemsSeenInPreviousExecutions"], logic: ["removeItemsWithAlreadySeenKeyValues"] }),
    incrementalDedupeValue: when({ operation: ["removeItemsSeenInPreviousExecutions"], logic: ["removeItemsUpToStoredIncrementalKey"] }),
    dateDedupeValue: when({ operation: ["removeItemsSeenInPreviousExecutions"], logic: ["removeItemsUpToStoredDate"] }), "options.pairsByOrder": rare, "options.failsAsAWhole": rare,
  },
  respond_to_webhook: {
    responseBody: { ...json, ...when({ respondWith: ["json"] }, { respondWith: ["text"] }) }, redirectURL: when({ respondWith: ["redirect"] }), responseDataSource: when({ respondWith: ["binary"] }),
    inputFieldName: when({ respondWith: ["binary"], responseDataSource: ["set"] }), payload: { ...json, ...when({ respondWith: ["jwt"] }) },
  },
  rss_feed_trigger: { ...interval("rule.interval"), feedUrl: { placeholder: "https://example.com/feed.xml" } },
  rss_read: { url: { placeholder: "https://example.com/feed.xml" } },
  schedule_trigger: { ...interval("rule.interval"), emptyItem: rare },
  set: {
    assignments: when({ mode: ["manual"] }), jsonOutput: { ...json, ...when({ mode: ["raw"] }) }, include: when({ includeOtherFields: [true] }),
    includeFields: when({ includeOtherFields: [true], include: ["selected"] }), excludeFields: when({ includeOtherFields: [true], include: ["except"] }), duplicateCount: when({ duplicateItem: [true] }),
    "options.keepBinary": rare,
  },
  sort: { sortFieldsUi: { label: "Sort by", ...when({ type: ["simple"] }) }, code: { ...javascript, ...when({ type: ["code"] }) } },
  split_out: { ...fieldChoice("", "selectedOtherFields", ""), "options.wants": rare },
  sticky_note: { content: { shape: { is: "code", language: "markdown" } } },
  stop_and_error: { errorMessage: when({ errorType: ["errorMessage"] }), errorObject: { ...json, ...when({ errorType: ["errorObject"] }) } },
  summarize: {
    "fieldsToSummarize.values[].includeEmpty": when({ aggregation: ["append", "concatenate", "count", "countUnique"] }), "fieldsToSummarize.values[].separateBy": when({ aggregation: ["concatenate"] }),
    "fieldsToSummarize.values[].customSeparator": when({ aggregation: ["concatenate"], separateBy: ["other"] }), "options.groupsByText": rare,
  },
  switch: {
    rules: when({ mode: ["rules"] }), "rules.values[].outputKey": when({ renameOutput: [true] }), "rules.values[].output": rare, numberOutputs: when({ mode: ["expression"] }), output: when({ mode: ["expression"] }),
    options: when({ mode: ["rules"] }),
  },
  wait: {
    ...Object.fromEntries(Object.entries(webhook).map(([key, hint]) => [key, { ...hint, when: (hint.when ?? [{}]).map((all) => ({ resume: ["webhook"], ...all })) }])),
    amount: when({ resume: ["timeInterval"] }), unit: when({ resume: ["timeInterval"] }), dateTime: { shape: { is: "date" }, ...when({ resume: ["specificTime"] }) },
    limitWaitTime: when({ resume: ["webhook", "form"] }), limitType: when({ resume: ["webhook", "form"], limitWaitTime: [true] }),
    resumeAmount: when({ limitWaitTime: [true], resume: ["webhook", "form"], limitType: ["afterTimeInterval"] }), resumeUnit: when({ limitWaitTime: [true], resume: ["webhook", "form"], limitType: ["afterTimeInterval"] }),
    maxDateAndTime: { shape: { is: "date" }, ...when({ limitWaitTime: [true], resume: ["webhook", "form"], limitType: ["atSpecifiedTime"] }) },
    formTitle: when({ resume: ["form"] }), formDescription: when({ resume: ["form"] }), formFields: when({ resume: ["form"] }), authentication: when({ resume: ["webhook", "form"] }),
    responseMode: when({ resume: ["webhook", "form"] }), options: when({ resume: ["webhook", "form"] }), ...formFields("formFields.values"),
  },
  webhook,
  xml: {},
};

/** The hints of a kind, by the path of the field; entries of lists are `[]`. */
export function hintsOf(kind: string): Hints {
  return HINTS[kind] ?? {};
}

/** Every kind that has hints, for the test. */
export const HINTED = Object.keys(HINTS);

type Slots = (params: Record<string, unknown>) => string[];
const always = (...slots: string[]): Slots => () => slots;
const by = (key: string, slots: Record<string, string>): Slots => (params) => {
  const slot = slots[String(params[key] ?? "")];
  return slot === undefined ? [] : [slot];
};
const REQUEST: Record<string, string> = {
  httpBasicAuth: "http_basic", httpBearerAuth: "http_bearer", httpDigestAuth: "http_digest", httpHeaderAuth: "http_header", httpQueryAuth: "http_query", httpCustomAuth: "http_custom", oAuth2Api: "oauth2",
};
const request: Slots = (params) =>
  params["authentication"] === "genericCredentialType" ? by("genericAuthType", REQUEST)({ genericAuthType: "httpBasicAuth", ...params }) : [];
const caller = by("authentication", { basicAuth: "http_basic", headerAuth: "http_header", jwtAuth: "jwt" });

const SLOTS: Record<string, Slots> = {
  http_request: request, graphql: request, webhook: caller, form_trigger: caller, chat_trigger: caller,
  wait: (params) => (params["resume"] === "webhook" || params["resume"] === "form" ? caller(params) : []),
  respond_to_webhook: by("respondWith", { jwt: "jwt" }), crypto: by("action", { hmac: "crypto", sign: "crypto" }),
  postgres: always("postgres"), redis: always("redis"), totp: always("totp"), jwt: (params) => (params["operation"] === "decode" ? [] : ["jwt"]),
};

/** The credentials that a node with these parameters asks for. Of a kind that nobody gave rules, all that it can use. */
export function slotsOf(kind: string, slots: string[], params: Record<string, unknown>): string[] {
  return SLOTS[kind]?.(params).filter((slot) => slots.includes(slot)) ?? slots;
}
