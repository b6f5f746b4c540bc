//! n8n's Crypto, versions 1 and 2: the older one hashes with MD5 where nothing else is chosen and
//! has its keys in the parameters, the newer one in a credential.

use serde_json::json;

use super::{N8nNode, Translation, Unreadable};

pub fn translate(node: &N8nNode<'_>) -> Result<Translation, Unreadable> {
    let action = node.text(&["action"], "hash");
    if matches!(action, "encrypt" | "decrypt") {
        return Err(Unreadable(format!("the action \"{action}\" is not known here")));
    }
    let mut translation = Translation::same("crypto", node.params);
    let params = &mut translation.params;
    if node.version < 2.0 {
        if matches!(action, "hash" | "hmac") {
            params.entry("type").or_insert(json!("MD5"));
        }
    } else {
        // Left behind when the version was raised, and not read by n8n.
        params.shift_remove("secret");
        params.shift_remove("privateKey");
        translation.credentials = vec![("crypto", "crypto")];
    }
    if action == "sign" {
        translation.differs =
            Some("signatures with other hashes than SHA-256, -384 and -512 fail".to_owned());
    }
    Ok(translation)
}

#[cfg(test)]
mod tests {
    use super::super::check::check;
    use super::*;

    #[test]
    fn each_version_hashes_as_it_did() {
        check(translate, 1.0, &json!({"value": "x"}), "crypto", &json!({"value": "x", "type": "MD5"}));
        check(translate, 2.0, &json!({"value": "x"}), "crypto", &json!({"value": "x"}));
        let random = json!({"action": "generate", "encodingType": "hex"});
        check(translate, 1.0, &random, "crypto", &random);
    }

    #[test]
    fn the_newer_version_has_its_keys_in_the_credential() {
        let given = json!({"action": "hmac", "type": "SHA256", "secret": "s"});
        check(translate, 1.0, &given, "crypto", &given);
        let expected = json!({"action": "hmac", "type": "SHA256"});
        let found = check(translate, 2.0, &given, "crypto", &expected);
        assert_eq!(found.credentials, [("crypto", "crypto")]);
    }

    #[test]
    fn encryption_is_not_taken_for_a_hash() {
        let params = json!({"action": "encrypt"}).as_object().cloned().expect("an object");
        let node = N8nNode { node_type: "test", version: 2.0, name: "Test", params: &params, whole: &params };
        assert!(translate(&node).is_err());
    }
}
