//! n8n's Git, versions 1 and 1.1.

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let operation = node.text(&["operation"], "log");
    if matches!(operation, "switchBranch" | "reflog") {
        return Err(Unreadable(format!("`operation`: \"{operation}\" is not known here")));
    }
    let mut translation = Translation::same("git", node.params);
    translation.credentials = vec![("gitPassword", "git_password")];
    translation.differs = match operation {
        "clone" if node.text(&["authentication"], "none") == "gitPassword" => Some(
            "the password is not written into the repository; nodes that push or pull name the credential",
        ),
        "pull" | "push" | "pushTags" | "fetch" => {
            Some("repositories of others are spoken to over https only")
        }
        "addConfig" => Some("settings that name programs or places of the machine are refused"),
        _ => None,
    }
    .map(str::to_owned);
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::check::check;
    use super::*;

    #[test]
    fn operations_are_the_same_and_unknown_ones_are_told() {
        let given = json!({"authentication": "gitPassword", "operation": "clone", "repositoryPath": "/data/a",
            "sourceRepository": "https://example.com/a.git"});
        let translation = check(translate, 1.0, &given, "git", &given);
        assert_eq!(translation.credentials, vec![("gitPassword", "git_password")]);
        assert!(translation.differs.is_some());
        let commit = json!({"operation": "commit", "repositoryPath": "a", "message": "m",
            "options": {"pathsToAdd": "a,b"}});
        assert!(check(translate, 1.1, &commit, "git", &commit).differs.is_none());
    }
}
