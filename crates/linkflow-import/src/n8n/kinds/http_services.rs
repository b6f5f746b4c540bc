//! Credentials of services that n8n's HTTP Request can borrow, and the general kind of credential
//! that does the same. How a service wants to be shown its key is in its own documentation.

/// Type of a service's credential, the general type that does the same, and what to enter there.
pub(super) struct Service {
    pub name: &'static str,
    pub auth_type: &'static str,
    pub slot: &'static str,
    pub hint: &'static str,
}

/// Headers that a service insists on and that n8n adds by itself.
pub(super) fn extra_header(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "notionApi" | "notionOAuth2Api" => Some(("Notion-Version", "2022-02-22")),
        "anthropicApi" => Some(("anthropic-version", "2023-06-01")),
        _ => None,
    }
}

pub(super) fn find(name: &str) -> Option<Service> {
    let of = |auth_type, slot, hint| move |name: &&'static str| Service { name, auth_type, slot, hint };
    let listed = |list: &'static [&'static str]| list.iter().find(|n| **n == name);
    if let Some((name, hint)) = HEADER.iter().find(|(n, _)| *n == name) {
        return Some(of("httpHeaderAuth", "http_header", *hint)(name));
    }
    if let Some((name, hint)) = QUERY.iter().find(|(n, _)| *n == name) {
        return Some(of("httpQueryAuth", "http_query", *hint)(name));
    }
    if let Some((name, hint)) = BASIC.iter().find(|(n, _)| *n == name) {
        return Some(of("httpBasicAuth", "http_basic", *hint)(name));
    }
    let bearer = listed(BEARER).map(of("httpBearerAuth", "http_bearer", "the key as a bearer token"));
    bearer.or_else(|| listed(OAUTH2).map(of("oAuth2Api", "oauth2", "an OAuth 2 credential")))
}

const BEARER: &[&str] = &[
    "airtableTokenApi",
    "asanaApi",
    "bannerbearApi",
    "bitlyApi",
    "calendlyApi",
    "cloudflareApi",
    "codaApi",
    "cohereApi",
    "deepSeekApi",
    "dropboxApi",
    "githubApi",
    "grafanaApi",
    "groqApi",
    "homeAssistantApi",
    "hubspotAppToken",
    "huggingFaceApi",
    "intercomApi",
    "jinaAiApi",
    "jiraSoftwareServerPatApi",
    "mattermostApi",
    "mistralCloudApi",
    "netlifyApi",
    "notionApi",
    "openAiApi",
    "openRouterApi",
    "perplexityApi",
    "sendGridApi",
    "sentryIoApi",
    "slackApi",
    "strapiTokenApi",
    "stripeApi",
    "todoistApi",
    "typeformApi",
    "webflowApi",
    "whatsAppApi",
    "wiseApi",
    "xAiApi",
    "zoomApi",
];

const HEADER: &[(&str, &str)] = &[
    ("activeCampaignApi", "the header Api-Token"),
    ("anthropicApi", "the header x-api-key"),
    ("baserowTokenApi", "the header Authorization with Token and the key"),
    ("circleCiApi", "the header Circle-Token"),
    ("clickUpApi", "the header Authorization with the key alone"),
    ("clockifyApi", "the header X-Api-Key"),
    ("discordBotApi", "the header Authorization with Bot and the token"),
    ("figmaApi", "the header X-FIGMA-TOKEN"),
    ("gitlabApi", "the header Private-Token"),
    ("googlePalmApi", "the header x-goog-api-key"),
    ("linearApi", "the header Authorization with the key alone"),
    ("mailerLiteApi", "the header X-MailerLite-ApiKey"),
    ("mondayComApi", "the header Authorization with the key alone"),
    ("n8nApi", "the header X-N8N-API-KEY"),
    ("nocoDbApiToken", "the header xc-token"),
    ("oktaApi", "the header Authorization with SSWS and the key"),
    ("pineconeApi", "the header Api-Key"),
    ("postmarkApi", "the header X-Postmark-Server-Token"),
    ("qdrantApi", "the header api-key"),
    ("sendInBlueApi", "the header api-key"),
    ("shopifyAccessTokenApi", "the header X-Shopify-Access-Token"),
    ("urlScanIoApi", "the header API-Key"),
    ("virusTotalApi", "the header x-apikey"),
];

const QUERY: &[(&str, &str)] = &[
    ("facebookGraphApi", "the parameter access_token"),
    ("hunterApi", "the parameter api_key"),
    ("nasaApi", "the parameter api_key"),
    ("openWeatherMapApi", "the parameter appid"),
    ("pipedriveApi", "the parameter api_token"),
];

const BASIC: &[(&str, &str)] = &[
    ("elasticsearchApi", "user name and password"),
    ("freshdeskApi", "the key as user name, X as password"),
    ("jiraSoftwareCloudApi", "the mail address as user name, the token as password"),
    ("jiraSoftwareServerApi", "user name and password"),
    ("mailchimpApi", "any user name, the key as password"),
    ("mailgunApi", "api as user name, the key as password"),
    ("mailjetEmailApi", "the key as user name, the secret as password"),
    ("serviceNowBasicApi", "user name and password"),
    ("twilioApi", "the account's SID as user name, the token as password"),
    ("wooCommerceApi", "the consumer's key as user name, its secret as password"),
    ("wordpressApi", "user name and password"),
    ("zendeskApi", "the mail address and /token as user name, the token as password"),
];

const OAUTH2: &[&str] = &[
    "airtableOAuth2Api",
    "asanaOAuth2Api",
    "boxOAuth2Api",
    "calendlyOAuth2Api",
    "clickUpOAuth2Api",
    "confluenceCloudOAuth2Api",
    "discordOAuth2Api",
    "dropboxOAuth2Api",
    "facebookGraphApiOAuth2Api",
    "facebookLeadAdsOAuth2Api",
    "figmaOAuth2Api",
    "githubOAuth2Api",
    "gitlabOAuth2Api",
    "gmailOAuth2",
    "googleAdsOAuth2Api",
    "googleAnalyticsOAuth2",
    "googleBigQueryOAuth2Api",
    "googleBusinessProfileOAuth2Api",
    "googleCalendarOAuth2Api",
    "googleChatOAuth2Api",
    "googleCloudStorageOAuth2Api",
    "googleContactsOAuth2Api",
    "googleDocsOAuth2Api",
    "googleDriveOAuth2Api",
    "googleFirebaseCloudFirestoreOAuth2Api",
    "googleOAuth2Api",
    "googleSheetsOAuth2Api",
    "googleSlidesOAuth2Api",
    "googleTasksOAuth2Api",
    "googleTranslateOAuth2Api",
    "gSuiteAdminOAuth2Api",
    "highLevelOAuth2Api",
    "hubspotOAuth2Api",
    "jiraSoftwareCloudOAuth2Api",
    "linearOAuth2Api",
    "linkedInCommunityManagementOAuth2Api",
    "linkedInOAuth2Api",
    "mailchimpOAuth2Api",
    "microsoftDynamicsOAuth2Api",
    "microsoftEntraOAuth2Api",
    "microsoftExcelOAuth2Api",
    "microsoftGraphSecurityOAuth2Api",
    "microsoftOAuth2Api",
    "microsoftOneDriveOAuth2Api",
    "microsoftOutlookOAuth2Api",
    "microsoftSharePointOAuth2Api",
    "microsoftTeamsOAuth2Api",
    "microsoftToDoOAuth2Api",
    "miroOAuth2Api",
    "mondayComOAuth2Api",
    "notionOAuth2Api",
    "pagerDutyOAuth2Api",
    "pipedriveOAuth2Api",
    "quickBooksOAuth2Api",
    "raindropOAuth2Api",
    "redditOAuth2Api",
    "salesforceOAuth2Api",
    "sentryIoOAuth2Api",
    "serviceNowOAuth2Api",
    "slackOAuth2Api",
    "spotifyOAuth2Api",
    "stravaOAuth2Api",
    "surveyMonkeyOAuth2Api",
    "todoistOAuth2Api",
    "twitterOAuth2Api",
    "typeformOAuth2Api",
    "webflowOAuth2Api",
    "wordpressOAuth2Api",
    "xeroOAuth2Api",
    "youTubeOAuth2Api",
    "zendeskOAuth2Api",
    "zohoOAuth2Api",
    "zoomOAuth2Api",
];
