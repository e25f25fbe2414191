//! Flows, executions with their place, configuration, required actions.

use super::{Reader, field};
use crate::admin::segment;

pub(super) async fn read(reader: &mut Reader<'_>) {
    for listed in reader.realm.list("/authentication/flows").await {
        flow(reader, field(&listed, "id")).await;
        let alias = field(&listed, "alias");
        let path = format!("/authentication/flows/{}/executions", segment(alias));
        // The answer is the tree in order, flattened: the position is part of what a flow says.
        for (position, execution) in reader.realm.list(&path).await.into_iter().enumerate() {
            if let Some(config) = execution["authenticationConfig"].as_str() {
                let config = reader.realm.get(&format!("/authentication/config/{config}")).await;
                let config_alias = field(&config, "alias").to_owned();
                reader.put("authenticator_config", &[alias, &config_alias], config);
            }
            if let Some(sub) = execution["flowId"].as_str() {
                flow(reader, sub).await;
            }
            reader.put("authentication_execution", &[alias, &format!("{position:03}")], execution);
        }
    }
    for action in reader.realm.list("/authentication/required-actions").await {
        let alias = field(&action, "alias");
        let path = format!("/authentication/required-actions/{}/config", segment(alias));
        // An action that takes no configuration answers 400.
        let config = reader.realm.call(reqwest::Method::GET, &path, None).await;
        match config.status {
            200 => reader.put("required_action_config", &[alias], config.body),
            status => assert_eq!(status, 400, "{path}: {config:?}"),
        }
        reader.put("required_action", &[alias], action.clone());
    }
}

async fn flow(reader: &mut Reader<'_>, id: &str) {
    let body = reader.realm.get(&format!("/authentication/flows/{id}")).await;
    let alias = field(&body, "alias").to_owned();
    reader.put("authentication_flow", &[&alias], body);
}
