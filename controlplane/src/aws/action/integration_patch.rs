//! Patches of integrations (tables.md §7).

use super::parameters::{INVALID_NAME, NO_CONTENT_TYPE, patch_entry, replace_only};
use crate::aws::exception::Exception;
use crate::aws::patch::{Op, PatchOperation};
use crate::aws::wire::{Integration, TlsConfig};

/// Applies one operation; the integration is checked as a whole when all are applied.
pub(super) fn patch(integration: &mut Integration, operation: &PatchOperation) -> Result<(), Exception> {
    let value = || operation.value.clone().unwrap_or_default();
    match operation.segments().as_slice() {
        ["requestTemplates", content_type] => {
            let templates = &mut integration.request_templates;
            patch_entry(templates, content_type, value(), operation, NO_CONTENT_TYPE)
        }
        ["requestParameters", name] => {
            patch_entry(&mut integration.request_parameters, name, value(), operation, INVALID_NAME)?;
            if operation.op != Op::Add {
                // As with the parameters of the method: what is replaced is removed first.
                integration.cache_key_parameters.retain(|known| known != name);
            }
            Ok(())
        }
        ["cacheKeyParameters", name] => {
            patch_cache_key(&mut integration.cache_key_parameters, name, operation)
        }
        ["tlsConfig", "insecureSkipVerification"] => {
            replace_only(operation)?;
            integration.tls_config = Some(TlsConfig { insecure_skip_verification: operation.boolean() });
            Ok(())
        }
        [name] => replace(integration, name, operation),
        _ => Err(operation.invalid_path()),
    }
}

fn patch_cache_key(keys: &mut Vec<String>, name: &str, operation: &PatchOperation) -> Result<(), Exception> {
    let place = keys.iter().position(|known| known == name);
    match (operation.op, place) {
        (Op::Add, Some(_)) => {}
        (Op::Add, None) => keys.push(name.to_owned()),
        (Op::Replace, Some(place)) => keys[place] = operation.text().unwrap_or_else(|| name.to_owned()),
        (Op::Remove, Some(place)) => {
            keys.remove(place);
        }
        (Op::Replace | Op::Remove, None) => return Err(Exception::not_found(INVALID_NAME)),
        _ => return Err(operation.invalid_path()),
    }
    Ok(())
}

fn replace(integration: &mut Integration, name: &str, operation: &PatchOperation) -> Result<(), Exception> {
    let text = operation.text();
    let member = match name {
        "uri" => &mut integration.uri,
        "credentials" => &mut integration.credentials,
        "httpMethod" => &mut integration.http_method,
        "contentHandling" => &mut integration.content_handling,
        "cacheNamespace" => &mut integration.cache_namespace,
        "connectionType" => &mut integration.connection_type,
        "connectionId" => &mut integration.connection_id,
        "responseTransferMode" => &mut integration.response_transfer_mode,
        "integrationTarget" => &mut integration.integration_target,
        "type" | "passthroughBehavior" | "timeoutInMillis" => {
            replace_only(operation)?;
            let text = text.unwrap_or_default();
            match name {
                "type" => integration.kind = text,
                "passthroughBehavior" => integration.passthrough_behavior = text,
                // What is no number is in no range either.
                _ => integration.timeout_in_millis = text.parse().unwrap_or_default(),
            }
            return Ok(());
        }
        _ => return Err(operation.invalid_path()),
    };
    replace_only(operation)?;
    *member = text;
    Ok(())
}
