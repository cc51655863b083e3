BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('dc11669786a5');
CREATE TABLE "assessments" (
	assessment_id VARCHAR(50) NOT NULL, 
	trace_id VARCHAR(50) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	assessment_type VARCHAR(20) NOT NULL, 
	value TEXT NOT NULL, 
	error TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	source_type VARCHAR(50) NOT NULL, 
	source_id VARCHAR(250), 
	run_id VARCHAR(32), 
	span_id VARCHAR(50), 
	rationale TEXT, 
	overrides VARCHAR(50), 
	valid BOOLEAN NOT NULL, 
	assessment_metadata TEXT, 
	experiment_id INTEGER, 
	trace_timestamp_ms BIGINT, 
	aggregate_value FLOAT, 
	is_numeric_value BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT assessments_pk PRIMARY KEY (assessment_id), 
	CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE budget_policies (
	budget_policy_id VARCHAR(36) NOT NULL, 
	budget_unit VARCHAR(32) NOT NULL, 
	budget_amount FLOAT NOT NULL, 
	duration_unit VARCHAR(32) NOT NULL, 
	duration_value INTEGER NOT NULL, 
	target_scope VARCHAR(32) NOT NULL, 
	budget_action VARCHAR(32) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, target_value VARCHAR(255), 
	CONSTRAINT budget_policies_pk PRIMARY KEY (budget_policy_id)
);
CREATE TABLE "datasets" (
	dataset_uuid VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	digest VARCHAR(36) NOT NULL, 
	dataset_source_type VARCHAR(36) NOT NULL, 
	dataset_source TEXT NOT NULL, 
	dataset_schema TEXT, 
	dataset_profile TEXT, 
	CONSTRAINT dataset_pk PRIMARY KEY (experiment_id, name, digest), 
	CONSTRAINT fk_datasets_experiment_id_experiments FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "datasets" VALUES('f0cc35c6dad84d5bad4f376025cf2281',1,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4','local','{"uri": "/stored/bars"}',NULL,'{"symbol": "AAPL", "asset_class": "stock", "bars": 532, "samples": 389, "first": "2018-01-02T14:30Z", "last": "2018-04-20T20:00Z"}');
INSERT INTO "datasets" VALUES('24ba52d7514a43c5ad5fec4d9db91327',1,'EURUSD','07e769a05410c778cde02bb481dcb2718dee','local','{"uri": "/stored/bars"}',NULL,'{"symbol": "EURUSD", "asset_class": "forex", "bars": 1896, "samples": 1753, "first": "2018-01-01T22:00Z", "last": "2018-04-20T21:00Z"}');
CREATE TABLE endpoint_bindings (
	endpoint_id VARCHAR(36) NOT NULL, 
	resource_type VARCHAR(50) NOT NULL, 
	resource_id VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), display_name VARCHAR(255), 
	CONSTRAINT endpoint_bindings_pk PRIMARY KEY (endpoint_id, resource_type, resource_id), 
	CONSTRAINT fk_endpoint_bindings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE endpoint_model_mappings (
	mapping_id VARCHAR(36) NOT NULL, 
	endpoint_id VARCHAR(36) NOT NULL, 
	model_definition_id VARCHAR(36) NOT NULL, 
	weight FLOAT NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, linkage_type VARCHAR(64) DEFAULT 'PRIMARY' NOT NULL, fallback_order INTEGER, 
	CONSTRAINT endpoint_model_mappings_pk PRIMARY KEY (mapping_id), 
	CONSTRAINT fk_endpoint_model_mappings_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_endpoint_model_mappings_model_definition_id FOREIGN KEY(model_definition_id) REFERENCES model_definitions (model_definition_id)
);
CREATE TABLE endpoint_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	endpoint_id VARCHAR(36) NOT NULL, 
	CONSTRAINT endpoint_tag_pk PRIMARY KEY ("key", endpoint_id), 
	CONSTRAINT fk_endpoint_tags_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE
);
CREATE TABLE "endpoints" (
	endpoint_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	routing_strategy VARCHAR(64), 
	fallback_config_json TEXT, 
	experiment_id INTEGER, 
	usage_tracking BOOLEAN DEFAULT '0' NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT endpoints_pk PRIMARY KEY (endpoint_id), 
	CONSTRAINT fk_endpoints_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE SET NULL, 
	CONSTRAINT uq_endpoints_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE entity_associations (
	association_id VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, 
	created_time BIGINT, 
	CONSTRAINT entity_associations_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
CREATE TABLE "evaluation_dataset_records" (
	dataset_record_id VARCHAR(36) NOT NULL, 
	dataset_id VARCHAR(36) NOT NULL, 
	inputs JSON NOT NULL, 
	expectations JSON, 
	tags JSON, 
	source JSON, 
	source_id VARCHAR(36), 
	source_type VARCHAR(255), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	input_hash VARCHAR(64) NOT NULL, outputs JSON, 
	CONSTRAINT evaluation_dataset_records_pk PRIMARY KEY (dataset_record_id), 
	CONSTRAINT fk_evaluation_dataset_records_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE, 
	CONSTRAINT unique_dataset_input UNIQUE (dataset_id, input_hash)
);
CREATE TABLE evaluation_dataset_tags (
	dataset_id VARCHAR(36) NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT evaluation_dataset_tags_pk PRIMARY KEY (dataset_id, "key"), 
	CONSTRAINT fk_evaluation_dataset_tags_dataset_id FOREIGN KEY(dataset_id) REFERENCES evaluation_datasets (dataset_id) ON DELETE CASCADE
);
CREATE TABLE "evaluation_datasets" (
	dataset_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	schema TEXT, 
	profile TEXT, 
	digest VARCHAR(64), 
	created_time BIGINT, 
	last_update_time BIGINT, 
	created_by VARCHAR(255), 
	last_updated_by VARCHAR(255), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT evaluation_datasets_pk PRIMARY KEY (dataset_id)
);
CREATE TABLE "experiment_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	experiment_id INTEGER NOT NULL, 
	CONSTRAINT experiment_tag_pk PRIMARY KEY ("key", experiment_id), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
INSERT INTO "experiment_tags" VALUES('mlflow.experimentKind','custom_model_development',1);
INSERT INTO "experiment_tags" VALUES('mlflow.note.content','One run for each model. Columns to show: `test/log_loss`, `test/no_skill_log_loss`, `test/skill`, `test/balanced_accuracy`, parameters `mode`, `symbol`, `model`, `seed`; group by `mode`. A score says nothing without that of the forecast without skill on the same rows.',1);
CREATE TABLE "experiments" (
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	artifact_location VARCHAR(256), 
	lifecycle_stage VARCHAR(32), 
	creation_time BIGINT, 
	last_update_time BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), 
	CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT uq_experiments_workspace_name UNIQUE (workspace, name)
);
INSERT INTO "experiments" VALUES(0,'Default','/stored/outputs/artifacts/0','active',1796034197163,1796034197163,'default');
INSERT INTO "experiments" VALUES(1,'multisymbol','/stored/outputs/artifacts','active',1796034197196,1796034197196,'default');
CREATE TABLE guardrail_configs (
	endpoint_id VARCHAR(36) NOT NULL, 
	guardrail_id VARCHAR(36) NOT NULL, 
	execution_order INTEGER, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrail_configs_pk PRIMARY KEY (endpoint_id, guardrail_id), 
	CONSTRAINT fk_guardrail_configs_endpoint_id FOREIGN KEY(endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE CASCADE, 
	CONSTRAINT fk_guardrail_configs_guardrail_id FOREIGN KEY(guardrail_id) REFERENCES guardrails (guardrail_id) ON DELETE CASCADE
);
CREATE TABLE guardrails (
	guardrail_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	stage VARCHAR(32) NOT NULL, 
	action VARCHAR(32) NOT NULL, 
	action_endpoint_id VARCHAR(36), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT guardrails_pk PRIMARY KEY (guardrail_id), 
	CONSTRAINT fk_guardrails_scorer_version FOREIGN KEY(scorer_id, scorer_version) REFERENCES scorer_versions (scorer_id, scorer_version), 
	CONSTRAINT fk_guardrails_action_endpoint_id FOREIGN KEY(action_endpoint_id) REFERENCES endpoints (endpoint_id) ON DELETE SET NULL
);
CREATE TABLE input_tags (
	input_uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	value VARCHAR(500) NOT NULL, 
	CONSTRAINT input_tags_pk PRIMARY KEY (input_uuid, name)
);
INSERT INTO "input_tags" VALUES('75c2398d84734a949700170a3454065b','mlflow.data.context','universal');
INSERT INTO "input_tags" VALUES('94964d324444476b9b03aacd03d15f26','mlflow.data.context','universal');
INSERT INTO "input_tags" VALUES('364263ba1f2a4011a78b1edb4e60d7dd','mlflow.data.context','single');
INSERT INTO "input_tags" VALUES('880eaf476d7440afba7ffb9b424e9371','mlflow.data.context','finetune');
INSERT INTO "input_tags" VALUES('e53af0b10e40420ca6a4770b9cd22526','mlflow.data.context','universal');
INSERT INTO "input_tags" VALUES('c604b1e8f3434730bc8bf9627eb45604','mlflow.data.context','universal');
CREATE TABLE inputs (
	input_uuid VARCHAR(36) NOT NULL, 
	source_type VARCHAR(36) NOT NULL, 
	source_id VARCHAR(36) NOT NULL, 
	destination_type VARCHAR(36) NOT NULL, 
	destination_id VARCHAR(36) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT inputs_pk PRIMARY KEY (source_type, source_id, destination_type, destination_id)
);
INSERT INTO "inputs" VALUES('75c2398d84734a949700170a3454065b','DATASET','f0cc35c6dad84d5bad4f376025cf2281','RUN','bf7cc4ce04024c8db7d3643237253430',0);
INSERT INTO "inputs" VALUES('94964d324444476b9b03aacd03d15f26','DATASET','24ba52d7514a43c5ad5fec4d9db91327','RUN','bf7cc4ce04024c8db7d3643237253430',0);
INSERT INTO "inputs" VALUES('fc3cb59e04b14fb3bf9d65b08f02560e','RUN_OUTPUT','bf7cc4ce04024c8db7d3643237253430','MODEL_OUTPUT','m-fd1d7d006eb94f51a63b85c3205bfc05',0);
INSERT INTO "inputs" VALUES('364263ba1f2a4011a78b1edb4e60d7dd','DATASET','f0cc35c6dad84d5bad4f376025cf2281','RUN','1bdbb29427924da4974ef4ad2c34d0c4',0);
INSERT INTO "inputs" VALUES('5a483c52b3bf49f49ce7f72fe1e30990','RUN_OUTPUT','1bdbb29427924da4974ef4ad2c34d0c4','MODEL_OUTPUT','m-877833ace6c24c7cbf1e5f05c48eb7bb',0);
INSERT INTO "inputs" VALUES('880eaf476d7440afba7ffb9b424e9371','DATASET','24ba52d7514a43c5ad5fec4d9db91327','RUN','17dd36a27a89494ab8c47a7020256de4',0);
INSERT INTO "inputs" VALUES('67027193f2b143eaa0a5624529c98cb3','RUN_OUTPUT','17dd36a27a89494ab8c47a7020256de4','MODEL_OUTPUT','m-5463f3bd6a0f47e98b8548555d4a0e07',0);
INSERT INTO "inputs" VALUES('e53af0b10e40420ca6a4770b9cd22526','DATASET','f0cc35c6dad84d5bad4f376025cf2281','RUN','d546467d70ae4a64a2e6d72359270e5b',0);
INSERT INTO "inputs" VALUES('c604b1e8f3434730bc8bf9627eb45604','DATASET','24ba52d7514a43c5ad5fec4d9db91327','RUN','d546467d70ae4a64a2e6d72359270e5b',0);
CREATE TABLE issues (
	issue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	description TEXT NOT NULL, 
	status VARCHAR(50) NOT NULL, 
	severity VARCHAR(50), 
	root_causes TEXT, 
	source_run_id VARCHAR(32), 
	categories TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	created_by VARCHAR(255), 
	CONSTRAINT issues_pk PRIMARY KEY (issue_id), 
	CONSTRAINT fk_issues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT fk_issues_source_run_id FOREIGN KEY(source_run_id) REFERENCES runs (run_uuid) ON DELETE SET NULL
);
CREATE TABLE job_locks (
	lock_key VARCHAR(255) NOT NULL, 
	job_id VARCHAR(36) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	CONSTRAINT job_locks_pk PRIMARY KEY (lock_key), 
	CONSTRAINT fk_job_locks_job_id FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE TABLE "jobs" (
	id VARCHAR(36) NOT NULL, 
	creation_time BIGINT NOT NULL, 
	job_name VARCHAR(500) NOT NULL, 
	params TEXT NOT NULL, 
	timeout FLOAT, 
	status INTEGER NOT NULL, 
	result TEXT, 
	retry_count INTEGER NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, status_details JSON, creator VARCHAR(255), executor_backend VARCHAR(255), lease_expires_at BIGINT, status_message TEXT, progress JSON, progress_updated_at BIGINT, token_hash VARCHAR(64), scoped_permissions JSON, next_attempt_at BIGINT, 
	CONSTRAINT jobs_pk PRIMARY KEY (id)
);
CREATE TABLE label_schemas (
	schema_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	instruction TEXT, 
	enable_comment BOOLEAN DEFAULT '0' NOT NULL, 
	input_type VARCHAR(32) NOT NULL, 
	input_config TEXT NOT NULL, 
	created_by VARCHAR(255), 
	created_time BIGINT NOT NULL, 
	last_update_time BIGINT NOT NULL, 
	is_default BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT label_schemas_pk PRIMARY KEY (schema_id), 
	CONSTRAINT fk_label_schemas_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_label_schemas_exp_name UNIQUE (experiment_id, name)
);
CREATE TABLE "latest_metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT, 
	step BIGINT NOT NULL, 
	is_nan BOOLEAN NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT latest_metric_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "latest_metrics" VALUES('val/log_loss/AAPL',1.13865076908668960697e+00,1796034197456,92,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('val/log_loss/EURUSD',7.9797215006361632561e-01,1796034197456,92,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('val/log_loss',0.867960512638092,1796034197461,3,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034197461,3,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034197461,3,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('val/mcc',0.0,1796034197461,3,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('val/brier',4.7605615854263305664e-01,1796034197461,3,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('train/loss',8.95109637923862666575e-01,1796034197468,3,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/log_loss',6.77500729238668220055e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/no_skill_log_loss',0.654278967958707,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/skill',-3.54921408407962157838e-02,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/balanced_accuracy',3.33333333333333314829e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/macro_f1',2.92950034223134869737e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/mcc',0.0,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/brier',3.73389184004201957201e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/rows',273.0,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/log_loss/AAPL',7.09016593241473480624e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/skill/AAPL',-1.00411489304210732598e-02,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/log_loss/EURUSD',6.68432485351068361723e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/skill/EURUSD',-4.35173832381243741451e-02,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/direction_skill',-2.59144046660044757857e-02,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test/activity_skill',-4.07576506767439727951e-02,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('calibration/temperature',1.31180072467756358989e+00,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('calibration/val_log_loss_before',8.34028949645964745585e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('calibration/val_log_loss_after',8.13925431129889243031e-01,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('best/val_log_loss',0.834028959274292,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('best/epoch',1.0,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('windows_per_second',3.11916122406859249176e+04,1796034197503,1,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_log_loss',6.77500729238668220055e-01,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_no_skill_log_loss',0.654278967958707,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_skill',-3.54921408407962157838e-02,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_macro_f1',2.92950034223134869737e-01,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_mcc',0.0,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_brier',3.73389184004201957201e-01,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_rows',273.0,1796034198377,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_prior_log_loss',6.40557115854519576458e-01,1796034198376,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('test_rule_log_loss',0.642536281570244,1796034198376,0,0,'bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "latest_metrics" VALUES('val/log_loss/AAPL',9.75718992645480676095e-01,1796034211783,16,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('val/log_loss',9.75718975067138671875e-01,1796034211787,3,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',2.37442925572395324707e-01,1796034211787,3,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034211787,3,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('val/mcc',0.0,1796034211787,3,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('val/brier',6.02312505245208740234e-01,1796034211787,3,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('train/loss',0.991092175245285,1796034211795,3,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/log_loss',0.762991127205377,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/no_skill_log_loss',0.70065634797369,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/skill',-8.89662662901151701788e-02,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/balanced_accuracy',3.33333333333333314829e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/macro_f1',2.86604361370716487211e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/mcc',0.0,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/brier',4.32654534594855477713e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/rows',61.0,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/log_loss/AAPL',0.762991127205377,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/skill/AAPL',-8.89662662901151701788e-02,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/direction_skill',-2.07197213286146153521e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test/activity_skill',-0.0343538755967574,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('calibration/temperature',1.04425349351945029319e+00,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('calibration/val_log_loss_before',9.44931783737041786075e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('calibration/val_log_loss_after',9.44652756063636744876e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('best/val_log_loss',9.44931805133819580078e-01,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('best/epoch',1.0,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('windows_per_second',1.26438833330760371604e+03,1796034211818,1,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_log_loss',0.762991127205377,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_no_skill_log_loss',0.70065634797369,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_skill',-8.89662662901151701788e-02,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_macro_f1',2.86604361370716487211e-01,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_mcc',0.0,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_brier',4.32654534594855477713e-01,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_rows',61.0,1796034212906,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_prior_log_loss',0.70065634797369,1796034212905,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('test_rule_log_loss',7.0496511982624432413e-01,1796034212905,0,0,'1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "latest_metrics" VALUES('val/log_loss/EURUSD',7.73137789425059618331e-01,1796034229898,76,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('val/log_loss',7.73137807846069335937e-01,1796034229906,3,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',2.804698944091796875e-01,1796034229906,3,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034229906,3,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('val/mcc',0.0,1796034229906,3,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('val/brier',4.34475779533386230468e-01,1796034229906,3,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('train/loss',0.963489620309127,1796034229919,3,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/log_loss',6.48100524779460895885e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/no_skill_log_loss',6.40557115854519576458e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/skill',-1.17763252303866305936e-02,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/balanced_accuracy',3.33333333333333314829e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/macro_f1',2.94736842105263130431e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/mcc',0.0,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/brier',3.51007496091815085481e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/rows',212.0,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/log_loss/EURUSD',6.48100524779460895885e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/skill/EURUSD',-1.17763252303866305936e-02,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/direction_skill',-3.66246376589465238993e-02,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test/activity_skill',2.413482724452631345e-03,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('calibration/temperature',1.16845058743817098445e+00,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('calibration/val_log_loss_before',7.68188721469139190745e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('calibration/val_log_loss_after',7.60819339906759206648e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('best/val_log_loss',7.68188714981079101562e-01,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('best/epoch',1.0,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('windows_per_second',6.33551449093519477174e+03,1796034229977,1,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_log_loss',6.48100524779460895885e-01,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_no_skill_log_loss',6.40557115854519576458e-01,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_skill',-1.17763252303866305936e-02,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_macro_f1',2.94736842105263130431e-01,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_mcc',0.0,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_brier',3.51007496091815085481e-01,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_rows',212.0,1796034231007,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_prior_log_loss',6.40557115854519576458e-01,1796034231006,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('test_rule_log_loss',6.41696848469471392562e-01,1796034231006,0,0,'17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "latest_metrics" VALUES('val/log_loss/AAPL',1.0661428288097254402e+00,1796034246497,46,0,'d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "latest_metrics" VALUES('val/log_loss/EURUSD',7.84440743185377376001e-01,1796034246497,46,0,'d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "latest_metrics" VALUES('val/log_loss',8.42313051223754882812e-01,1796034246503,1,0,'d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "latest_metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034246503,1,0,'d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "latest_metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034246503,1,0,'d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "latest_metrics" VALUES('val/mcc',0.0,1796034246503,1,0,'d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "latest_metrics" VALUES('val/brier',4.71620231866836547851e-01,1796034246503,1,0,'d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "latest_metrics" VALUES('train/loss',9.80986773967742919921e-01,1796034246511,1,0,'d546467d70ae4a64a2e6d72359270e5b');
CREATE TABLE logged_model_metrics (
	model_id VARCHAR(36) NOT NULL, 
	metric_name VARCHAR(500) NOT NULL, 
	metric_timestamp_ms BIGINT NOT NULL, 
	metric_step BIGINT NOT NULL, 
	metric_value FLOAT, 
	experiment_id INTEGER NOT NULL, 
	run_id VARCHAR(32) NOT NULL, 
	dataset_uuid VARCHAR(36), 
	dataset_name VARCHAR(500), 
	dataset_digest VARCHAR(36), 
	CONSTRAINT logged_model_metrics_pk PRIMARY KEY (model_id, metric_name, metric_timestamp_ms, metric_step, run_id), 
	CONSTRAINT fk_logged_model_metrics_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_metrics_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE, 
	CONSTRAINT fk_logged_model_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (run_uuid) ON DELETE CASCADE
);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_log_loss',1796034198375,0,7.09016593241473480624e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_no_skill_log_loss',1796034198375,0,7.01968027730636268124e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_skill',1796034198375,0,-1.00411489304210732598e-02,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_balanced_accuracy',1796034198375,0,3.33333333333333314829e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_no_skill_balanced_accuracy',1796034198375,0,3.33333333333333314829e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_macro_f1',1796034198375,0,2.86604361370716487211e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_mcc',1796034198375,0,0.0,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_brier',1796034198375,0,4.05317747039205922288e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_rows',1796034198375,0,61.0,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_prior_log_loss',1796034198375,0,7.01968027730636268124e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_rule_log_loss',1796034198375,0,7.05093921110461430146e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_log_loss',1796034198376,0,6.68432485351068361723e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_no_skill_log_loss',1796034198376,0,6.40557115854519576458e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_skill',1796034198376,0,-4.35173832381243741451e-02,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_balanced_accuracy',1796034198376,0,3.33333333333333314829e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_no_skill_balanced_accuracy',1796034198376,0,3.33333333333333314829e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_macro_f1',1796034198376,0,2.94736842105263130431e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_mcc',1796034198376,0,0.0,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_brier',1796034198376,0,3.64202191810167719143e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_rows',1796034198376,0,212.0,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_prior_log_loss',1796034198376,0,6.40557115854519576458e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_rule_log_loss',1796034198376,0,0.642536281570244,1,'bf7cc4ce04024c8db7d3643237253430',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_log_loss',1796034198377,0,6.77500729238668220055e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_no_skill_log_loss',1796034198377,0,0.654278967958707,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_skill',1796034198377,0,-3.54921408407962157838e-02,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_balanced_accuracy',1796034198377,0,3.33333333333333314829e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_no_skill_balanced_accuracy',1796034198377,0,3.33333333333333314829e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_macro_f1',1796034198377,0,2.92950034223134869737e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_mcc',1796034198377,0,0.0,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_brier',1796034198377,0,3.73389184004201957201e-01,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05','test_rows',1796034198377,0,273.0,1,'bf7cc4ce04024c8db7d3643237253430',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_log_loss',1796034212905,0,0.762991127205377,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_no_skill_log_loss',1796034212905,0,0.70065634797369,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_skill',1796034212905,0,-8.89662662901151701788e-02,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_balanced_accuracy',1796034212905,0,3.33333333333333314829e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_no_skill_balanced_accuracy',1796034212905,0,3.33333333333333314829e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_macro_f1',1796034212905,0,2.86604361370716487211e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_mcc',1796034212905,0,0.0,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_brier',1796034212905,0,4.32654534594855477713e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_rows',1796034212905,0,61.0,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_prior_log_loss',1796034212905,0,0.70065634797369,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_rule_log_loss',1796034212905,0,7.0496511982624432413e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,'AAPL','d3a008d0e5a1c6f834f3d78cc8ee801027e4');
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_log_loss',1796034212906,0,0.762991127205377,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_no_skill_log_loss',1796034212906,0,0.70065634797369,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_skill',1796034212906,0,-8.89662662901151701788e-02,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_balanced_accuracy',1796034212906,0,3.33333333333333314829e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_no_skill_balanced_accuracy',1796034212906,0,3.33333333333333314829e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_macro_f1',1796034212906,0,2.86604361370716487211e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_mcc',1796034212906,0,0.0,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_brier',1796034212906,0,4.32654534594855477713e-01,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb','test_rows',1796034212906,0,61.0,1,'1bdbb29427924da4974ef4ad2c34d0c4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_log_loss',1796034231006,0,6.48100524779460895885e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_no_skill_log_loss',1796034231006,0,6.40557115854519576458e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_skill',1796034231006,0,-1.17763252303866305936e-02,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_balanced_accuracy',1796034231006,0,3.33333333333333314829e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_no_skill_balanced_accuracy',1796034231006,0,3.33333333333333314829e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_macro_f1',1796034231006,0,2.94736842105263130431e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_mcc',1796034231006,0,0.0,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_brier',1796034231006,0,3.51007496091815085481e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_rows',1796034231006,0,212.0,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_prior_log_loss',1796034231006,0,6.40557115854519576458e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_rule_log_loss',1796034231006,0,6.41696848469471392562e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,'EURUSD','07e769a05410c778cde02bb481dcb2718dee');
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_log_loss',1796034231007,0,6.48100524779460895885e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_no_skill_log_loss',1796034231007,0,6.40557115854519576458e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_skill',1796034231007,0,-1.17763252303866305936e-02,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_balanced_accuracy',1796034231007,0,3.33333333333333314829e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_no_skill_balanced_accuracy',1796034231007,0,3.33333333333333314829e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_macro_f1',1796034231007,0,2.94736842105263130431e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_mcc',1796034231007,0,0.0,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_brier',1796034231007,0,3.51007496091815085481e-01,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
INSERT INTO "logged_model_metrics" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07','test_rows',1796034231007,0,212.0,1,'17dd36a27a89494ab8c47a7020256de4',NULL,NULL,NULL);
CREATE TABLE logged_model_params (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	param_key VARCHAR(255) NOT NULL, 
	param_value TEXT NOT NULL, 
	CONSTRAINT logged_model_params_pk PRIMARY KEY (model_id, param_key), 
	CONSTRAINT fk_logged_model_params_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_params_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
CREATE TABLE logged_model_tags (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	tag_key VARCHAR(255) NOT NULL, 
	tag_value TEXT NOT NULL, 
	CONSTRAINT logged_model_tags_pk PRIMARY KEY (model_id, tag_key), 
	CONSTRAINT fk_logged_model_tags_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_logged_model_tags_model_id FOREIGN KEY(model_id) REFERENCES logged_models (model_id) ON DELETE CASCADE
);
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'strategy','neuro_fuzzy');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'scope','universal');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'timeframe','1h');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'feature_digest','bc65108be9fb1abe');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'label','Horizon(bars=2, dead_band_sigmas=0.4, volatility_bars=20)');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'data_digest','7c9da7529a4e43d6');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'git_commit','625966ff0b71bb00530d0b003b35124091ea3a33');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'rows','1529');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'asset_classes','["forex", "stock"]');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'symbols','["AAPL", "EURUSD"]');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'train_from','2018-01-09T20:00Z');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'train_until','2018-04-09T22:00Z');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'test_from','2018-04-10T00:00Z');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'test_until','2018-04-20T19:00Z');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'test_log_loss','0.6775007292386682');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'no_skill','0.654278967958707');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'files_digest','e822a2fe51f1e7b1c849f8f5c66b7cbff99ff24807d8315fbfbb5350c9cf6a91');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'registered','yes');
INSERT INTO "logged_model_tags" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'mlflow.modelVersions','[{"name": "neuro_fuzzy.1h.universal", "version": 1}]');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'strategy','neuro_fuzzy');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'scope','single');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'timeframe','1h');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'feature_digest','bc65108be9fb1abe');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'label','Horizon(bars=2, dead_band_sigmas=0.4, volatility_bars=20)');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'data_digest','0d38eb0d98cc0764');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'git_commit','625966ff0b71bb00530d0b003b35124091ea3a33');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'rows','277');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'asset_classes','["stock"]');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'symbols','["AAPL"]');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'train_from','2018-01-31T16:30Z');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'train_until','2018-04-09T20:00Z');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'test_from','2018-04-10T14:30Z');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'test_until','2018-04-20T18:30Z');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'test_log_loss','0.762991127205377');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'no_skill','0.70065634797369');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'files_digest','97bf0a9c0f1d55c81135d462f6fba4efc247b6e4b28a2b35e6e0ec47a232a243');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'registered','yes');
INSERT INTO "logged_model_tags" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'mlflow.modelVersions','[{"name": "neuro_fuzzy.1h.sym.AAPL", "version": 1}]');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'strategy','neuro_fuzzy');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'scope','single');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'timeframe','1h');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'feature_digest','bc65108be9fb1abe');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'label','Horizon(bars=2, dead_band_sigmas=0.4, volatility_bars=20)');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'data_digest','f4c2b3114a73d207');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'git_commit','625966ff0b71bb00530d0b003b35124091ea3a33');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'rows','1273');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'asset_classes','["forex"]');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'symbols','["EURUSD"]');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'train_from','2018-01-09T20:00Z');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'train_until','2018-04-09T22:00Z');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'test_from','2018-04-10T00:00Z');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'test_until','2018-04-20T19:00Z');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'test_log_loss','0.6481005247794609');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'no_skill','0.6405571158545196');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'parent','neuro_fuzzy.1h.universal/1');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'files_digest','7c8e77389123e7a5355f2c3908e6ecb797c8e380fc3640a52d6758349386e4c6');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'registered','yes');
INSERT INTO "logged_model_tags" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'mlflow.modelVersions','[{"name": "neuro_fuzzy.1h.sym.EURUSD", "version": 1}]');
CREATE TABLE logged_models (
	model_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(500) NOT NULL, 
	artifact_location VARCHAR(1000) NOT NULL, 
	creation_timestamp_ms BIGINT NOT NULL, 
	last_updated_timestamp_ms BIGINT NOT NULL, 
	status INTEGER NOT NULL, 
	lifecycle_stage VARCHAR(32), 
	model_type VARCHAR(500), 
	source_run_id VARCHAR(32), 
	status_message VARCHAR(1000), 
	CONSTRAINT logged_models_pk PRIMARY KEY (model_id), 
	CONSTRAINT logged_models_lifecycle_stage_check CHECK (lifecycle_stage IN ('active', 'deleted')), 
	CONSTRAINT fk_logged_models_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
INSERT INTO "logged_models" VALUES('m-fd1d7d006eb94f51a63b85c3205bfc05',1,'neuro_fuzzy-1h-universal','/stored/outputs/artifacts/models/m-fd1d7d006eb94f51a63b85c3205bfc05/artifacts',1796034198359,1796034198375,2,'active','multisymbol','bf7cc4ce04024c8db7d3643237253430',NULL);
INSERT INTO "logged_models" VALUES('m-877833ace6c24c7cbf1e5f05c48eb7bb',1,'neuro_fuzzy-1h-sym-AAPL','/stored/outputs/artifacts/models/m-877833ace6c24c7cbf1e5f05c48eb7bb/artifacts',1796034212887,1796034212904,2,'active','multisymbol','1bdbb29427924da4974ef4ad2c34d0c4',NULL);
INSERT INTO "logged_models" VALUES('m-5463f3bd6a0f47e98b8548555d4a0e07',1,'neuro_fuzzy-1h-sym-EURUSD','/stored/outputs/artifacts/models/m-5463f3bd6a0f47e98b8548555d4a0e07/artifacts',1796034230983,1796034231004,2,'active','multisymbol','17dd36a27a89494ab8c47a7020256de4',NULL);
CREATE TABLE mcp_access_endpoints (
	id VARCHAR(36) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	server_name VARCHAR(256) NOT NULL, 
	server_version VARCHAR(128), 
	server_alias VARCHAR(256), 
	url VARCHAR(2048) NOT NULL, 
	transport_type VARCHAR(32) DEFAULT 'streamable-http' NOT NULL, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_access_endpoints_pk PRIMARY KEY (id), 
	CONSTRAINT mcp_access_endpoints_server_fkey FOREIGN KEY(workspace, server_name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_aliases (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	alias VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	CONSTRAINT mcp_server_aliases_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT mcp_server_aliases_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_tags_pk PRIMARY KEY (workspace, name, "key"), 
	CONSTRAINT mcp_server_tags_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_version_tags (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	CONSTRAINT mcp_server_version_tags_pk PRIMARY KEY (workspace, name, version, "key"), 
	CONSTRAINT mcp_server_version_tags_version_fkey FOREIGN KEY(workspace, name, version) REFERENCES mcp_server_versions (workspace, name, version) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_server_versions (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	version VARCHAR(128) NOT NULL, 
	version_major INTEGER NOT NULL, 
	version_minor INTEGER NOT NULL, 
	version_patch INTEGER NOT NULL, 
	version_prerelease_sort_key VARCHAR(512) NOT NULL, 
	server_json JSON NOT NULL, 
	status VARCHAR(20) DEFAULT 'draft' NOT NULL, 
	tools JSON, 
	source VARCHAR(512), 
	connect_options JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_server_versions_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT mcp_server_versions_server_fkey FOREIGN KEY(workspace, name) REFERENCES mcp_servers (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE mcp_servers (
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	display_name VARCHAR(256), 
	description TEXT, 
	icons JSON, 
	created_by VARCHAR(256), 
	last_updated_by VARCHAR(256), 
	created_at BIGINT NOT NULL, 
	last_updated_at BIGINT NOT NULL, 
	CONSTRAINT mcp_servers_pk PRIMARY KEY (workspace, name)
);
CREATE TABLE "metrics" (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid), 
	CHECK (is_nan IN (0, 1))
);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',1.0411836146284885185e+00,1796034197323,'bf7cc4ce04024c8db7d3643237253430',23,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',0.780468046220322,1796034197323,'bf7cc4ce04024c8db7d3643237253430',23,0);
INSERT INTO "metrics" VALUES('val/log_loss',0.834028959274292,1796034197329,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034197329,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034197329,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034197329,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('val/brier',4.65542912483215332031e-01,1796034197329,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('train/loss',9.94750761467477540023e-01,1796034197340,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',1.11368621290963,1796034197371,'bf7cc4ce04024c8db7d3643237253430',46,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.89448621265121608381e-01,1796034197371,'bf7cc4ce04024c8db7d3643237253430',46,0);
INSERT INTO "metrics" VALUES('val/log_loss',8.56059372425079345703e-01,1796034197376,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034197376,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034197376,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034197376,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('val/brier',4.76550310850143432617e-01,1796034197376,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('train/loss',9.64317179244497557633e-01,1796034197385,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',1.11312368247265824905e+00,1796034197415,'bf7cc4ce04024c8db7d3643237253430',69,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.91180387280964070306e-01,1796034197415,'bf7cc4ce04024c8db7d3643237253430',69,0);
INSERT INTO "metrics" VALUES('val/log_loss',8.57319772243499755859e-01,1796034197420,'bf7cc4ce04024c8db7d3643237253430',2,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034197420,'bf7cc4ce04024c8db7d3643237253430',2,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034197420,'bf7cc4ce04024c8db7d3643237253430',2,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034197420,'bf7cc4ce04024c8db7d3643237253430',2,0);
INSERT INTO "metrics" VALUES('val/brier',4.72181081771850585937e-01,1796034197420,'bf7cc4ce04024c8db7d3643237253430',2,0);
INSERT INTO "metrics" VALUES('train/loss',9.29932293684586186444e-01,1796034197426,'bf7cc4ce04024c8db7d3643237253430',2,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',1.13865076908668960697e+00,1796034197456,'bf7cc4ce04024c8db7d3643237253430',92,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.9797215006361632561e-01,1796034197456,'bf7cc4ce04024c8db7d3643237253430',92,0);
INSERT INTO "metrics" VALUES('val/log_loss',0.867960512638092,1796034197461,'bf7cc4ce04024c8db7d3643237253430',3,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034197461,'bf7cc4ce04024c8db7d3643237253430',3,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034197461,'bf7cc4ce04024c8db7d3643237253430',3,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034197461,'bf7cc4ce04024c8db7d3643237253430',3,0);
INSERT INTO "metrics" VALUES('val/brier',4.7605615854263305664e-01,1796034197461,'bf7cc4ce04024c8db7d3643237253430',3,0);
INSERT INTO "metrics" VALUES('train/loss',8.95109637923862666575e-01,1796034197468,'bf7cc4ce04024c8db7d3643237253430',3,0);
INSERT INTO "metrics" VALUES('test/log_loss',6.77500729238668220055e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/no_skill_log_loss',0.654278967958707,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/skill',-3.54921408407962157838e-02,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/balanced_accuracy',3.33333333333333314829e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/macro_f1',2.92950034223134869737e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/mcc',0.0,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/brier',3.73389184004201957201e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/rows',273.0,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/log_loss/AAPL',7.09016593241473480624e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/skill/AAPL',-1.00411489304210732598e-02,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/log_loss/EURUSD',6.68432485351068361723e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/skill/EURUSD',-4.35173832381243741451e-02,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/direction_skill',-2.59144046660044757857e-02,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test/activity_skill',-4.07576506767439727951e-02,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('calibration/temperature',1.31180072467756358989e+00,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('calibration/val_log_loss_before',8.34028949645964745585e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('calibration/val_log_loss_after',8.13925431129889243031e-01,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('best/val_log_loss',0.834028959274292,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('best/epoch',1.0,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('windows_per_second',3.11916122406859249176e+04,1796034197503,'bf7cc4ce04024c8db7d3643237253430',1,0);
INSERT INTO "metrics" VALUES('test_log_loss',7.09016593241473480624e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_log_loss',7.01968027730636268124e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_skill',-1.00411489304210732598e-02,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_macro_f1',2.86604361370716487211e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_mcc',0.0,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_brier',4.05317747039205922288e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_rows',61.0,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_prior_log_loss',7.01968027730636268124e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_rule_log_loss',7.05093921110461430146e-01,1796034198375,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_log_loss',6.68432485351068361723e-01,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_log_loss',6.40557115854519576458e-01,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_skill',-4.35173832381243741451e-02,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_macro_f1',2.94736842105263130431e-01,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_mcc',0.0,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_brier',3.64202191810167719143e-01,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_rows',212.0,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_prior_log_loss',6.40557115854519576458e-01,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_rule_log_loss',0.642536281570244,1796034198376,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_log_loss',6.77500729238668220055e-01,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_log_loss',0.654278967958707,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_skill',-3.54921408407962157838e-02,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_macro_f1',2.92950034223134869737e-01,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_mcc',0.0,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_brier',3.73389184004201957201e-01,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('test_rows',273.0,1796034198377,'bf7cc4ce04024c8db7d3643237253430',0,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',9.44931783552474646725e-01,1796034211579,'1bdbb29427924da4974ef4ad2c34d0c4',4,0);
INSERT INTO "metrics" VALUES('val/log_loss',9.44931805133819580078e-01,1796034211601,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.37442925572395324707e-01,1796034211601,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034211601,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034211601,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('val/brier',5.74971020221710205078e-01,1796034211601,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('train/loss',1.06948101520538330078e+00,1796034211633,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',9.56919964694885161193e-01,1796034211673,'1bdbb29427924da4974ef4ad2c34d0c4',8,0);
INSERT INTO "metrics" VALUES('val/log_loss',9.56919968128204345703e-01,1796034211689,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.37442925572395324707e-01,1796034211689,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034211689,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034211689,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('val/brier',5.86986064910888671875e-01,1796034211689,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('train/loss',1.03282569348812103271e+00,1796034211708,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',9.71129226954833391083e-01,1796034211736,'1bdbb29427924da4974ef4ad2c34d0c4',12,0);
INSERT INTO "metrics" VALUES('val/log_loss',9.71129238605499267578e-01,1796034211748,'1bdbb29427924da4974ef4ad2c34d0c4',2,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.37442925572395324707e-01,1796034211748,'1bdbb29427924da4974ef4ad2c34d0c4',2,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034211748,'1bdbb29427924da4974ef4ad2c34d0c4',2,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034211748,'1bdbb29427924da4974ef4ad2c34d0c4',2,0);
INSERT INTO "metrics" VALUES('val/brier',5.9871006011962890625e-01,1796034211748,'1bdbb29427924da4974ef4ad2c34d0c4',2,0);
INSERT INTO "metrics" VALUES('train/loss',1.02130681276321411132e+00,1796034211768,'1bdbb29427924da4974ef4ad2c34d0c4',2,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',9.75718992645480676095e-01,1796034211783,'1bdbb29427924da4974ef4ad2c34d0c4',16,0);
INSERT INTO "metrics" VALUES('val/log_loss',9.75718975067138671875e-01,1796034211787,'1bdbb29427924da4974ef4ad2c34d0c4',3,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.37442925572395324707e-01,1796034211787,'1bdbb29427924da4974ef4ad2c34d0c4',3,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034211787,'1bdbb29427924da4974ef4ad2c34d0c4',3,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034211787,'1bdbb29427924da4974ef4ad2c34d0c4',3,0);
INSERT INTO "metrics" VALUES('val/brier',6.02312505245208740234e-01,1796034211787,'1bdbb29427924da4974ef4ad2c34d0c4',3,0);
INSERT INTO "metrics" VALUES('train/loss',0.991092175245285,1796034211795,'1bdbb29427924da4974ef4ad2c34d0c4',3,0);
INSERT INTO "metrics" VALUES('test/log_loss',0.762991127205377,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/no_skill_log_loss',0.70065634797369,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/skill',-8.89662662901151701788e-02,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/balanced_accuracy',3.33333333333333314829e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/macro_f1',2.86604361370716487211e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/mcc',0.0,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/brier',4.32654534594855477713e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/rows',61.0,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/log_loss/AAPL',0.762991127205377,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/skill/AAPL',-8.89662662901151701788e-02,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/direction_skill',-2.07197213286146153521e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test/activity_skill',-0.0343538755967574,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('calibration/temperature',1.04425349351945029319e+00,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('calibration/val_log_loss_before',9.44931783737041786075e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('calibration/val_log_loss_after',9.44652756063636744876e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('best/val_log_loss',9.44931805133819580078e-01,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('best/epoch',1.0,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('windows_per_second',1.26438833330760371604e+03,1796034211818,'1bdbb29427924da4974ef4ad2c34d0c4',1,0);
INSERT INTO "metrics" VALUES('test_log_loss',0.762991127205377,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_log_loss',0.70065634797369,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_skill',-8.89662662901151701788e-02,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_macro_f1',2.86604361370716487211e-01,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_mcc',0.0,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_brier',4.32654534594855477713e-01,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_rows',61.0,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_prior_log_loss',0.70065634797369,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_rule_log_loss',7.0496511982624432413e-01,1796034212905,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_log_loss',0.762991127205377,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_log_loss',0.70065634797369,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_skill',-8.89662662901151701788e-02,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_macro_f1',2.86604361370716487211e-01,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_mcc',0.0,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_brier',4.32654534594855477713e-01,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('test_rows',61.0,1796034212906,'1bdbb29427924da4974ef4ad2c34d0c4',0,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.68188724221226526545e-01,1796034229705,'17dd36a27a89494ab8c47a7020256de4',19,0);
INSERT INTO "metrics" VALUES('val/log_loss',7.68188714981079101562e-01,1796034229714,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.804698944091796875e-01,1796034229714,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034229714,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034229714,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('val/brier',4.32301849126815795898e-01,1796034229714,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('train/loss',9.57631026443682253912e-01,1796034229733,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.81832693349249874259e-01,1796034229773,'17dd36a27a89494ab8c47a7020256de4',38,0);
INSERT INTO "metrics" VALUES('val/log_loss',7.8183269500732421875e-01,1796034229781,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.804698944091796875e-01,1796034229781,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034229781,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034229781,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('val/brier',4.39434200525283813476e-01,1796034229781,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('train/loss',9.5530036876076140917e-01,1796034229794,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.75149854606037913562e-01,1796034229836,'17dd36a27a89494ab8c47a7020256de4',57,0);
INSERT INTO "metrics" VALUES('val/log_loss',7.75149881839752197265e-01,1796034229845,'17dd36a27a89494ab8c47a7020256de4',2,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.804698944091796875e-01,1796034229845,'17dd36a27a89494ab8c47a7020256de4',2,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034229845,'17dd36a27a89494ab8c47a7020256de4',2,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034229845,'17dd36a27a89494ab8c47a7020256de4',2,0);
INSERT INTO "metrics" VALUES('val/brier',4.35292541980743408203e-01,1796034229845,'17dd36a27a89494ab8c47a7020256de4',2,0);
INSERT INTO "metrics" VALUES('train/loss',0.944784867136102,1796034229857,'17dd36a27a89494ab8c47a7020256de4',2,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.73137789425059618331e-01,1796034229898,'17dd36a27a89494ab8c47a7020256de4',76,0);
INSERT INTO "metrics" VALUES('val/log_loss',7.73137807846069335937e-01,1796034229906,'17dd36a27a89494ab8c47a7020256de4',3,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.804698944091796875e-01,1796034229906,'17dd36a27a89494ab8c47a7020256de4',3,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034229906,'17dd36a27a89494ab8c47a7020256de4',3,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034229906,'17dd36a27a89494ab8c47a7020256de4',3,0);
INSERT INTO "metrics" VALUES('val/brier',4.34475779533386230468e-01,1796034229906,'17dd36a27a89494ab8c47a7020256de4',3,0);
INSERT INTO "metrics" VALUES('train/loss',0.963489620309127,1796034229919,'17dd36a27a89494ab8c47a7020256de4',3,0);
INSERT INTO "metrics" VALUES('test/log_loss',6.48100524779460895885e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/no_skill_log_loss',6.40557115854519576458e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/skill',-1.17763252303866305936e-02,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/balanced_accuracy',3.33333333333333314829e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/macro_f1',2.94736842105263130431e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/mcc',0.0,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/brier',3.51007496091815085481e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/rows',212.0,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/log_loss/EURUSD',6.48100524779460895885e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/skill/EURUSD',-1.17763252303866305936e-02,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/direction_skill',-3.66246376589465238993e-02,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test/activity_skill',2.413482724452631345e-03,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('calibration/temperature',1.16845058743817098445e+00,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('calibration/val_log_loss_before',7.68188721469139190745e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('calibration/val_log_loss_after',7.60819339906759206648e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('best/val_log_loss',7.68188714981079101562e-01,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('best/epoch',1.0,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('windows_per_second',6.33551449093519477174e+03,1796034229977,'17dd36a27a89494ab8c47a7020256de4',1,0);
INSERT INTO "metrics" VALUES('test_log_loss',6.48100524779460895885e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_log_loss',6.40557115854519576458e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_skill',-1.17763252303866305936e-02,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_macro_f1',2.94736842105263130431e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_mcc',0.0,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_brier',3.51007496091815085481e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_rows',212.0,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_prior_log_loss',6.40557115854519576458e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_rule_log_loss',6.41696848469471392562e-01,1796034231006,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_log_loss',6.48100524779460895885e-01,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_log_loss',6.40557115854519576458e-01,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_skill',-1.17763252303866305936e-02,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_balanced_accuracy',3.33333333333333314829e-01,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_no_skill_balanced_accuracy',3.33333333333333314829e-01,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_macro_f1',2.94736842105263130431e-01,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_mcc',0.0,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_brier',3.51007496091815085481e-01,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('test_rows',212.0,1796034231007,'17dd36a27a89494ab8c47a7020256de4',0,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',1.01167157649210825987e+00,1796034246426,'d546467d70ae4a64a2e6d72359270e5b',23,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',0.770910102428812,1796034246426,'d546467d70ae4a64a2e6d72359270e5b',23,0);
INSERT INTO "metrics" VALUES('val/log_loss',0.820371687412262,1796034246433,'d546467d70ae4a64a2e6d72359270e5b',0,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034246433,'d546467d70ae4a64a2e6d72359270e5b',0,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034246433,'d546467d70ae4a64a2e6d72359270e5b',0,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034246433,'d546467d70ae4a64a2e6d72359270e5b',0,0);
INSERT INTO "metrics" VALUES('val/brier',4.62472110986709594726e-01,1796034246433,'d546467d70ae4a64a2e6d72359270e5b',0,0);
INSERT INTO "metrics" VALUES('train/loss',1.00778898208037670514e+00,1796034246447,'d546467d70ae4a64a2e6d72359270e5b',0,0);
INSERT INTO "metrics" VALUES('val/log_loss/AAPL',1.0661428288097254402e+00,1796034246497,'d546467d70ae4a64a2e6d72359270e5b',46,0);
INSERT INTO "metrics" VALUES('val/log_loss/EURUSD',7.84440743185377376001e-01,1796034246497,'d546467d70ae4a64a2e6d72359270e5b',46,0);
INSERT INTO "metrics" VALUES('val/log_loss',8.42313051223754882812e-01,1796034246503,'d546467d70ae4a64a2e6d72359270e5b',1,0);
INSERT INTO "metrics" VALUES('val/macro_f1',2.74718761444091796875e-01,1796034246503,'d546467d70ae4a64a2e6d72359270e5b',1,0);
INSERT INTO "metrics" VALUES('val/balanced_accuracy',3.33333343267440795898e-01,1796034246503,'d546467d70ae4a64a2e6d72359270e5b',1,0);
INSERT INTO "metrics" VALUES('val/mcc',0.0,1796034246503,'d546467d70ae4a64a2e6d72359270e5b',1,0);
INSERT INTO "metrics" VALUES('val/brier',4.71620231866836547851e-01,1796034246503,'d546467d70ae4a64a2e6d72359270e5b',1,0);
INSERT INTO "metrics" VALUES('train/loss',9.80986773967742919921e-01,1796034246511,'d546467d70ae4a64a2e6d72359270e5b',1,0);
CREATE TABLE "model_definitions" (
	model_definition_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	secret_id VARCHAR(36), 
	provider VARCHAR(64) NOT NULL, 
	model_name VARCHAR(256) NOT NULL, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_definitions_pk PRIMARY KEY (model_definition_id), 
	CONSTRAINT fk_model_definitions_secret_id FOREIGN KEY(secret_id) REFERENCES secrets (secret_id) ON DELETE SET NULL, 
	CONSTRAINT uq_model_definitions_workspace_name UNIQUE (workspace, name)
);
CREATE TABLE "model_version_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY (workspace, "key", name, version), 
	CONSTRAINT fk_model_version_tags_model_versions FOREIGN KEY(workspace, name, version) REFERENCES model_versions (workspace, name, version) ON UPDATE CASCADE
);
INSERT INTO "model_version_tags" VALUES('strategy','neuro_fuzzy','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('scope','universal','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('timeframe','1h','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('feature_digest','bc65108be9fb1abe','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('label','Horizon(bars=2, dead_band_sigmas=0.4, volatility_bars=20)','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('data_digest','7c9da7529a4e43d6','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('rows','1529','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('asset_classes','["forex", "stock"]','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('symbols','["AAPL", "EURUSD"]','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('train_from','2018-01-09T20:00Z','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('train_until','2018-04-09T22:00Z','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('test_from','2018-04-10T00:00Z','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('test_until','2018-04-20T19:00Z','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('test_log_loss','0.6775007292386682','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('no_skill','0.654278967958707','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('files_digest','e822a2fe51f1e7b1c849f8f5c66b7cbff99ff24807d8315fbfbb5350c9cf6a91','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('run_id','bf7cc4ce04024c8db7d3643237253430','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('model_id','m-fd1d7d006eb94f51a63b85c3205bfc05','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('registered_at','2026-11-30T10:23:18Z','neuro_fuzzy.1h.universal',1,'default');
INSERT INTO "model_version_tags" VALUES('strategy','neuro_fuzzy','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('scope','single','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('timeframe','1h','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('feature_digest','bc65108be9fb1abe','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('label','Horizon(bars=2, dead_band_sigmas=0.4, volatility_bars=20)','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('data_digest','0d38eb0d98cc0764','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('rows','277','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('asset_classes','["stock"]','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('symbols','["AAPL"]','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('train_from','2018-01-31T16:30Z','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('train_until','2018-04-09T20:00Z','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('test_from','2018-04-10T14:30Z','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('test_until','2018-04-20T18:30Z','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('test_log_loss','0.762991127205377','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('no_skill','0.70065634797369','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('files_digest','97bf0a9c0f1d55c81135d462f6fba4efc247b6e4b28a2b35e6e0ec47a232a243','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('run_id','1bdbb29427924da4974ef4ad2c34d0c4','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('model_id','m-877833ace6c24c7cbf1e5f05c48eb7bb','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('registered_at','2026-11-30T10:23:32Z','neuro_fuzzy.1h.sym.AAPL',1,'default');
INSERT INTO "model_version_tags" VALUES('strategy','neuro_fuzzy','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('scope','single','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('timeframe','1h','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('feature_digest','bc65108be9fb1abe','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('label','Horizon(bars=2, dead_band_sigmas=0.4, volatility_bars=20)','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('data_digest','f4c2b3114a73d207','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('rows','1273','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('asset_classes','["forex"]','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('symbols','["EURUSD"]','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('train_from','2018-01-09T20:00Z','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('train_until','2018-04-09T22:00Z','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('test_from','2018-04-10T00:00Z','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('test_until','2018-04-20T19:00Z','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('test_log_loss','0.6481005247794609','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('no_skill','0.6405571158545196','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('parent','neuro_fuzzy.1h.universal/1','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('files_digest','7c8e77389123e7a5355f2c3908e6ecb797c8e380fc3640a52d6758349386e4c6','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('run_id','17dd36a27a89494ab8c47a7020256de4','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('model_id','m-5463f3bd6a0f47e98b8548555d4a0e07','neuro_fuzzy.1h.sym.EURUSD',1,'default');
INSERT INTO "model_version_tags" VALUES('registered_at','2026-11-30T10:23:51Z','neuro_fuzzy.1h.sym.EURUSD',1,'default');
CREATE TABLE "model_versions" (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	storage_location VARCHAR(500), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT model_version_pk PRIMARY KEY (workspace, name, version), 
	CONSTRAINT fk_model_versions_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
INSERT INTO "model_versions" VALUES('neuro_fuzzy.1h.universal',1,1796034198407,1796034198407,'A universal model of BUY, HOLD and SELL, for 1h bars, trained on 2 symbols (forex, stock), on bars up to 2018-04-09. On 273 test rows: log-loss 0.678 against 0.654 without skill: it is worth nothing there.

| symbol | rows | log-loss | no-skill | prior | rule | skill | bal.acc | no-skill | MCC | Brier |
| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| AAPL | 61 | 0.709 | 0.702 | 0.702 | 0.705 | -1.0% | 0.333 | 0.333 | 0.000 | 0.405 |
| EURUSD | 212 | 0.668 | 0.641 | 0.641 | 0.643 | -4.4% | 0.333 | 0.333 | 0.000 | 0.364 |
| all | 273 | 0.678 | 0.654 | – | – | -3.5% | 0.333 | 0.333 | 0.000 | 0.373 |
',NULL,'None','/stored/outputs/artifacts/models/m-fd1d7d006eb94f51a63b85c3205bfc05/artifacts','bf7cc4ce04024c8db7d3643237253430','READY',NULL,NULL,'/stored/outputs/artifacts/models/m-fd1d7d006eb94f51a63b85c3205bfc05/artifacts','default');
INSERT INTO "model_versions" VALUES('neuro_fuzzy.1h.sym.AAPL',1,1796034212931,1796034212931,'A single model of BUY, HOLD and SELL, for 1h bars, trained on AAPL, on bars up to 2018-04-09. On 61 test rows: log-loss 0.763 against 0.701 without skill: it is worth nothing there.

| symbol | rows | log-loss | no-skill | prior | rule | skill | bal.acc | no-skill | MCC | Brier |
| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| AAPL | 61 | 0.763 | 0.701 | 0.701 | 0.705 | -8.9% | 0.333 | 0.333 | 0.000 | 0.433 |
',NULL,'None','/stored/outputs/artifacts/models/m-877833ace6c24c7cbf1e5f05c48eb7bb/artifacts','1bdbb29427924da4974ef4ad2c34d0c4','READY',NULL,NULL,'/stored/outputs/artifacts/models/m-877833ace6c24c7cbf1e5f05c48eb7bb/artifacts','default');
INSERT INTO "model_versions" VALUES('neuro_fuzzy.1h.sym.EURUSD',1,1796034231035,1796034231035,'A single model of BUY, HOLD and SELL, for 1h bars, trained on EURUSD, on bars up to 2018-04-09. On 212 test rows: log-loss 0.648 against 0.641 without skill: it is worth nothing there.

| symbol | rows | log-loss | no-skill | prior | rule | skill | bal.acc | no-skill | MCC | Brier |
| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| EURUSD | 212 | 0.648 | 0.641 | 0.641 | 0.642 | -1.2% | 0.333 | 0.333 | 0.000 | 0.351 |
',NULL,'None','/stored/outputs/artifacts/models/m-5463f3bd6a0f47e98b8548555d4a0e07/artifacts','17dd36a27a89494ab8c47a7020256de4','READY',NULL,NULL,'/stored/outputs/artifacts/models/m-5463f3bd6a0f47e98b8548555d4a0e07/artifacts','default');
CREATE TABLE online_scoring_configs (
	online_scoring_config_id VARCHAR(36) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	sample_rate FLOAT NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	filter_string TEXT, 
	CONSTRAINT online_scoring_config_pk PRIMARY KEY (online_scoring_config_id), 
	CONSTRAINT fk_online_scoring_configs_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE, 
	CONSTRAINT fk_online_scoring_configs_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id)
);
CREATE TABLE "params" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000) NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT param_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "params" VALUES('strategy','neuro_fuzzy','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('mode','universal','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('symbol','None','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('from','None','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('seed','1','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('window','3','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('stride','1','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('batch_size','64','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('symbols','2','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('max_epochs','4','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('alignment','Alignment','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('alignment.clock_features','True','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('alignment.hours','all','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('labels','Horizon','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('labels.bars','2','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('labels.dead_band_sigmas','0.4','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('labels.volatility_bars','20','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('scaling','Scaling','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('scaling.method','class_shrunk','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('scaling.shrinkage_rows','1000','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('scaling.clip','8.0','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split','SingleCut','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.validation_from','None','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.test_from','2018-04-10','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.test_until','None','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.validation_share','0.15','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.test_share','0.15','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.embargo_bars','1','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.absent','allow','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('split.sealed_from','None','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('sampling','Balanced','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('sampling.epoch_samples','None','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('sampling.max_passes','4.0','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('sampling.how','sampling','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('sampling.symbol_weights','None','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('sampling.stratum','none','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('model','Mlp','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('model.hidden','[4]','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('model.dropout','0.1','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('model.activation','relu','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('model.embedding','symbol','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('model.embedding_dim','4','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('model.unknown_dropout','0.1','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('loss','ClassWeightedCrossEntropy','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('loss.power','0.5','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('loss.cap','10.0','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('optimizer','AdamW','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('optimizer.lr','0.01','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('optimizer.weight_decay','0.01','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('optimizer.fused','True','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "params" VALUES('strategy','neuro_fuzzy','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('mode','single','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('symbol','AAPL','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('from','None','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('seed','2','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('window','3','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('stride','1','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('batch_size','64','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('symbols','1','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('max_epochs','4','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('alignment','Alignment','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('alignment.clock_features','True','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('alignment.hours','all','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('labels','Horizon','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('labels.bars','2','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('labels.dead_band_sigmas','0.4','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('labels.volatility_bars','20','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('scaling','Scaling','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('scaling.method','class_shrunk','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('scaling.shrinkage_rows','1000','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('scaling.clip','8.0','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split','SingleCut','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.validation_from','None','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.test_from','2018-04-10','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.test_until','None','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.validation_share','0.15','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.test_share','0.15','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.embargo_bars','1','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.absent','allow','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('split.sealed_from','None','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('sampling','Balanced','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('sampling.epoch_samples','None','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('sampling.max_passes','4.0','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('sampling.how','sampling','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('sampling.symbol_weights','None','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('sampling.stratum','none','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('model','Gru','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('model.layers','1','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('model.dropout','0.1','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('model.embedding','none','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('model.embedding_dim','4','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('model.unknown_dropout','0.1','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('model.hidden','3','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('loss','ClassWeightedCrossEntropy','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('loss.power','0.5','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('loss.cap','10.0','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('optimizer','AdamW','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('optimizer.lr','0.01','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('optimizer.weight_decay','0.01','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('optimizer.fused','True','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "params" VALUES('strategy','neuro_fuzzy','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('mode','finetune','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('symbol','EURUSD','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('from','neuro_fuzzy.1h.universal/1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('seed','1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('window','3','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('stride','1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('batch_size','64','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('symbols','1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('max_epochs','4','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('alignment','Alignment','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('alignment.clock_features','True','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('alignment.hours','all','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('labels','Horizon','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('labels.bars','2','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('labels.dead_band_sigmas','0.4','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('labels.volatility_bars','20','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('scaling','Scaling','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('scaling.method','class_shrunk','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('scaling.shrinkage_rows','1000','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('scaling.clip','8.0','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split','SingleCut','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.validation_from','None','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.test_from','2018-04-10','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.test_until','None','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.validation_share','0.15','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.test_share','0.15','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.embargo_bars','1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.absent','allow','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('split.sealed_from','None','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('sampling','Balanced','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('sampling.epoch_samples','None','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('sampling.max_passes','4.0','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('sampling.how','sampling','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('sampling.symbol_weights','None','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('sampling.stratum','none','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('model','Mlp','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('model.hidden','[4]','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('model.dropout','0.1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('model.activation','relu','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('model.embedding','symbol','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('model.embedding_dim','4','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('model.unknown_dropout','0.1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('loss','ClassWeightedCrossEntropy','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('loss.power','0.5','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('loss.cap','10.0','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('optimizer','AdamW','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('optimizer.lr','0.01','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('optimizer.weight_decay','0.01','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('optimizer.fused','True','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "params" VALUES('strategy','interrupted','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('mode','universal','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('symbol','None','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('from','None','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('seed','1','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('window','3','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('stride','1','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('batch_size','64','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('symbols','2','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('max_epochs','5','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('alignment','Alignment','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('alignment.clock_features','True','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('alignment.hours','all','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('labels','Horizon','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('labels.bars','2','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('labels.dead_band_sigmas','0.4','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('labels.volatility_bars','20','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('scaling','Scaling','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('scaling.method','class_shrunk','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('scaling.shrinkage_rows','1000','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('scaling.clip','8.0','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split','SingleCut','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.validation_from','None','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.test_from','2018-04-10','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.test_until','None','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.validation_share','0.15','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.test_share','0.15','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.embargo_bars','1','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.absent','allow','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('split.sealed_from','None','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('sampling','Temperature','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('sampling.temperature','3.0','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('sampling.max_passes','4.0','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('sampling.epoch_samples','None','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('sampling.how','sampling','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('sampling.symbol_weights','None','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('sampling.stratum','none','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('model','Mlp','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('model.hidden','[4]','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('model.dropout','0.3','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('model.activation','relu','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('model.embedding','none','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('model.embedding_dim','4','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('model.unknown_dropout','0.1','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('loss','ClassWeightedCrossEntropy','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('loss.power','0.5','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('loss.cap','10.0','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('optimizer','AdamW','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('optimizer.lr','0.01','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('optimizer.weight_decay','0.01','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('optimizer.fused','True','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "params" VALUES('strategy','neuro_fuzzy','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('mode','universal','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('symbol','None','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('from','None','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('seed','1','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('window','2','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('stride','1','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('batch_size','128','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('symbols','2','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('max_epochs','3','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('alignment','Alignment','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('alignment.clock_features','True','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('alignment.hours','all','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('labels','Horizon','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('labels.bars','2','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('labels.dead_band_sigmas','0.4','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('labels.volatility_bars','20','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('scaling','Scaling','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('scaling.method','class_shrunk','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('scaling.shrinkage_rows','1000','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('scaling.clip','8.0','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split','WalkForward','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.window','anchored','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.train','38d','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.validation','12d','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.test','21d','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.step','None','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.count','2','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.embargo_bars','1','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.absent','allow','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('split.sealed_from','None','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('sampling','Balanced','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('sampling.epoch_samples','None','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('sampling.max_passes','4.0','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('sampling.how','sampling','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('sampling.symbol_weights','None','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('sampling.stratum','none','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('model','Mlp','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('model.hidden','[3]','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('model.dropout','0.1','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('model.activation','relu','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('model.embedding','none','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('model.embedding_dim','4','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('model.unknown_dropout','0.1','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('loss','ClassWeightedCrossEntropy','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('loss.power','0.5','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('loss.cap','10.0','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('optimizer','AdamW','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('optimizer.lr','0.01','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('optimizer.weight_decay','0.01','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('optimizer.fused','True','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('plan','49ca5a467e1c5abf','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "params" VALUES('seeds','1,2','5e0f9e8bec1c4c5d929b64f16ee3dbad');
CREATE TABLE "registered_model_aliases" (
	alias VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_alias_pk PRIMARY KEY (workspace, name, alias), 
	CONSTRAINT fk_registered_model_aliases_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON DELETE CASCADE ON UPDATE CASCADE
);
INSERT INTO "registered_model_aliases" VALUES('newest',1,'neuro_fuzzy.1h.universal','default');
INSERT INTO "registered_model_aliases" VALUES('champion',1,'neuro_fuzzy.1h.universal','default');
INSERT INTO "registered_model_aliases" VALUES('newest',1,'neuro_fuzzy.1h.sym.AAPL','default');
INSERT INTO "registered_model_aliases" VALUES('challenger',1,'neuro_fuzzy.1h.sym.AAPL','default');
INSERT INTO "registered_model_aliases" VALUES('newest',1,'neuro_fuzzy.1h.sym.EURUSD','default');
CREATE TABLE "registered_model_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	name VARCHAR(256) NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_tag_pk PRIMARY KEY (workspace, "key", name), 
	CONSTRAINT fk_registered_model_tags_registered_models FOREIGN KEY(workspace, name) REFERENCES registered_models (workspace, name) ON UPDATE CASCADE
);
INSERT INTO "registered_model_tags" VALUES('strategy','neuro_fuzzy','neuro_fuzzy.1h.universal','default');
INSERT INTO "registered_model_tags" VALUES('scope','universal','neuro_fuzzy.1h.universal','default');
INSERT INTO "registered_model_tags" VALUES('timeframe','1h','neuro_fuzzy.1h.universal','default');
INSERT INTO "registered_model_tags" VALUES('strategy','neuro_fuzzy','neuro_fuzzy.1h.sym.AAPL','default');
INSERT INTO "registered_model_tags" VALUES('scope','single','neuro_fuzzy.1h.sym.AAPL','default');
INSERT INTO "registered_model_tags" VALUES('timeframe','1h','neuro_fuzzy.1h.sym.AAPL','default');
INSERT INTO "registered_model_tags" VALUES('symbol','AAPL','neuro_fuzzy.1h.sym.AAPL','default');
INSERT INTO "registered_model_tags" VALUES('asset_class','stock','neuro_fuzzy.1h.sym.AAPL','default');
INSERT INTO "registered_model_tags" VALUES('strategy','neuro_fuzzy','neuro_fuzzy.1h.sym.EURUSD','default');
INSERT INTO "registered_model_tags" VALUES('scope','single','neuro_fuzzy.1h.sym.EURUSD','default');
INSERT INTO "registered_model_tags" VALUES('timeframe','1h','neuro_fuzzy.1h.sym.EURUSD','default');
INSERT INTO "registered_model_tags" VALUES('symbol','EURUSD','neuro_fuzzy.1h.sym.EURUSD','default');
INSERT INTO "registered_model_tags" VALUES('asset_class','forex','neuro_fuzzy.1h.sym.EURUSD','default');
CREATE TABLE "registered_models" (
	name VARCHAR(256) NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT registered_model_pk PRIMARY KEY (workspace, name)
);
INSERT INTO "registered_models" VALUES('neuro_fuzzy.1h.universal',1796034198401,1796034198407,'Answers for many symbols, those it has not seen included, 1h bars, strategy neuro_fuzzy. The newest version is no champion.','default');
INSERT INTO "registered_models" VALUES('neuro_fuzzy.1h.sym.AAPL',1796034212925,1796034212931,'Answers for AAPL alone, 1h bars, strategy neuro_fuzzy. The newest version is no champion.','default');
INSERT INTO "registered_models" VALUES('neuro_fuzzy.1h.sym.EURUSD',1796034231029,1796034231035,'Answers for EURUSD alone, 1h bars, strategy neuro_fuzzy. The newest version is no champion.','default');
CREATE TABLE review_queue_items (
	queue_id VARCHAR(36) NOT NULL, 
	item_type VARCHAR(16) NOT NULL, 
	item_id VARCHAR(50) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	completed_by VARCHAR(250), 
	completed_time_ms BIGINT, 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	CONSTRAINT review_queue_items_pk PRIMARY KEY (queue_id, item_id), 
	CONSTRAINT fk_review_queue_items_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_label_schemas (
	queue_id VARCHAR(36) NOT NULL, 
	schema_id VARCHAR(36) NOT NULL, 
	CONSTRAINT review_queue_label_schemas_pk PRIMARY KEY (queue_id, schema_id), 
	CONSTRAINT fk_review_queue_label_schemas_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queue_users (
	queue_id VARCHAR(36) NOT NULL, 
	user_id VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queue_users_pk PRIMARY KEY (queue_id, user_id), 
	CONSTRAINT fk_review_queue_users_queue_id FOREIGN KEY(queue_id) REFERENCES review_queues (queue_id) ON DELETE CASCADE
);
CREATE TABLE review_queues (
	queue_id VARCHAR(36) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	queue_type VARCHAR(16) NOT NULL, 
	created_by VARCHAR(255), 
	creation_time_ms BIGINT NOT NULL, 
	last_update_time_ms BIGINT NOT NULL, 
	name_key VARCHAR(250) NOT NULL, 
	CONSTRAINT review_queues_pk PRIMARY KEY (queue_id), 
	CONSTRAINT fk_review_queues_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE, 
	CONSTRAINT uq_review_queues_experiment_name_key UNIQUE (experiment_id, name_key)
);
CREATE TABLE "runs" (
	run_uuid VARCHAR(32) NOT NULL, 
	name VARCHAR(250), 
	source_type VARCHAR(20), 
	source_name VARCHAR(500), 
	entry_point_name VARCHAR(50), 
	user_id VARCHAR(256), 
	status VARCHAR(9), 
	start_time BIGINT, 
	end_time BIGINT, 
	source_version VARCHAR(50), 
	lifecycle_stage VARCHAR(20), 
	artifact_uri VARCHAR(200), 
	experiment_id INTEGER, deleted_time BIGINT, 
	CONSTRAINT run_pk PRIMARY KEY (run_uuid), 
	CONSTRAINT source_type CHECK (source_type IN ('NOTEBOOK', 'JOB', 'LOCAL', 'UNKNOWN', 'PROJECT')), 
	CONSTRAINT runs_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')), 
	FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CHECK (status IN ('SCHEDULED', 'FAILED', 'FINISHED', 'RUNNING', 'KILLED'))
);
INSERT INTO "runs" VALUES('bf7cc4ce04024c8db7d3643237253430','universal-mlp-d093cb','UNKNOWN','','','unknown','FINISHED',1796034197212,1796034198435,'','active','/stored/outputs/artifacts/bf7cc4ce04024c8db7d3643237253430/artifacts',1,NULL);
INSERT INTO "runs" VALUES('1bdbb29427924da4974ef4ad2c34d0c4','AAPL-gru-f424ed','UNKNOWN','','','unknown','FINISHED',1796034210888,1796034212958,'','active','/stored/outputs/artifacts/1bdbb29427924da4974ef4ad2c34d0c4/artifacts',1,NULL);
INSERT INTO "runs" VALUES('17dd36a27a89494ab8c47a7020256de4','EURUSD-mlp-dfbfa6','UNKNOWN','','','unknown','FINISHED',1796034229064,1796034231071,'','active','/stored/outputs/artifacts/17dd36a27a89494ab8c47a7020256de4/artifacts',1,NULL);
INSERT INTO "runs" VALUES('d546467d70ae4a64a2e6d72359270e5b','universal-mlp-91243d','UNKNOWN','','','unknown','RUNNING',1796034246293,NULL,'','active','/stored/outputs/artifacts/d546467d70ae4a64a2e6d72359270e5b/artifacts',1,NULL);
INSERT INTO "runs" VALUES('5e0f9e8bec1c4c5d929b64f16ee3dbad','comparison-a8d375','UNKNOWN','','','unknown','RUNNING',1796034254338,NULL,'','active','/stored/outputs/artifacts/5e0f9e8bec1c4c5d929b64f16ee3dbad/artifacts',1,NULL);
CREATE TABLE scheduler_leases (
	lease_key VARCHAR(255) NOT NULL, 
	acquired_at BIGINT NOT NULL, 
	ttl_seconds INTEGER NOT NULL, 
	CONSTRAINT scheduler_leases_pk PRIMARY KEY (lease_key)
);
CREATE TABLE scorer_versions (
	scorer_id VARCHAR(36) NOT NULL, 
	scorer_version INTEGER NOT NULL, 
	serialized_scorer TEXT NOT NULL, 
	creation_time BIGINT, 
	CONSTRAINT scorer_version_pk PRIMARY KEY (scorer_id, scorer_version), 
	CONSTRAINT fk_scorer_versions_scorer_id FOREIGN KEY(scorer_id) REFERENCES scorers (scorer_id) ON DELETE CASCADE
);
CREATE TABLE scorers (
	experiment_id INTEGER NOT NULL, 
	scorer_name VARCHAR(256) NOT NULL, 
	scorer_id VARCHAR(36) NOT NULL, 
	CONSTRAINT scorer_pk PRIMARY KEY (scorer_id), 
	CONSTRAINT fk_scorers_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE "secrets" (
	secret_id VARCHAR(36) NOT NULL, 
	secret_name VARCHAR(255) NOT NULL, 
	encrypted_value BLOB NOT NULL, 
	wrapped_dek BLOB NOT NULL, 
	kek_version INTEGER NOT NULL, 
	masked_value VARCHAR(500) NOT NULL, 
	provider VARCHAR(64), 
	auth_config TEXT, 
	description TEXT, 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT secrets_pk PRIMARY KEY (secret_id), 
	CONSTRAINT uq_secrets_workspace_secret_name UNIQUE (workspace, secret_name)
);
CREATE TABLE span_metrics (
	trace_id VARCHAR(50) NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT span_metrics_pk PRIMARY KEY (trace_id, span_id, "key"), 
	CONSTRAINT fk_span_metrics_span FOREIGN KEY(trace_id, span_id) REFERENCES spans (trace_id, span_id) ON DELETE CASCADE
);
CREATE TABLE "spans" (
	trace_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	parent_span_id VARCHAR(50), 
	name TEXT, 
	type VARCHAR(500), 
	status VARCHAR(50) NOT NULL, 
	start_time_unix_nano BIGINT NOT NULL, 
	end_time_unix_nano BIGINT, 
	duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, 
	content TEXT NOT NULL, 
	input_cost FLOAT, 
	output_cost FLOAT, 
	total_cost FLOAT, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id), 
	CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE sql_assessment_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_assessment_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_span_cost_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_span_cost_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_metric_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	trace_status VARCHAR(50), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	p50_value FLOAT, 
	p90_value FLOAT, 
	p99_value FLOAT, 
	CONSTRAINT sql_trace_metric_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_rollup_rebuild_queue (
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	rollup_family VARCHAR(50) NOT NULL, 
	CONSTRAINT sql_trace_rollup_rebuild_queue_pk PRIMARY KEY (experiment_id, rollup_day, rollup_family)
);
CREATE TABLE "tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO "tags" VALUES('strategy','neuro_fuzzy','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('mode','universal','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('symbols','AAPL,EURUSD','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('run_dir','/stored/outputs/runs/2026-11-30/10-23-09-6288','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('process','elsewhere pid:[1] 1 1','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('mlflow.runName','universal-mlp-d093cb','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('mlflow.note.content','A universal model of BUY, HOLD and SELL, for 1h bars, trained on 2 symbols (forex, stock), on bars up to 2018-04-09. On 273 test rows: log-loss 0.678 against 0.654 without skill: it is worth nothing there.

| symbol | rows | log-loss | no-skill | prior | rule | skill | bal.acc | no-skill | MCC | Brier |
| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| AAPL | 61 | 0.709 | 0.702 | 0.702 | 0.705 | -1.0% | 0.333 | 0.333 | 0.000 | 0.405 |
| EURUSD | 212 | 0.668 | 0.641 | 0.641 | 0.643 | -4.4% | 0.333 | 0.333 | 0.000 | 0.364 |
| all | 273 | 0.678 | 0.654 | – | – | -3.5% | 0.333 | 0.333 | 0.000 | 0.373 |
','bf7cc4ce04024c8db7d3643237253430');
INSERT INTO "tags" VALUES('strategy','neuro_fuzzy','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('mode','single','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('symbols','AAPL','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('run_dir','/stored/outputs/runs/2026-11-30/10-23-24-84bc','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('process','elsewhere pid:[1] 1 1','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('mlflow.runName','AAPL-gru-f424ed','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('mlflow.note.content','A single model of BUY, HOLD and SELL, for 1h bars, trained on AAPL, on bars up to 2018-04-09. On 61 test rows: log-loss 0.763 against 0.701 without skill: it is worth nothing there.

| symbol | rows | log-loss | no-skill | prior | rule | skill | bal.acc | no-skill | MCC | Brier |
| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| AAPL | 61 | 0.763 | 0.701 | 0.701 | 0.705 | -8.9% | 0.333 | 0.333 | 0.000 | 0.433 |
','1bdbb29427924da4974ef4ad2c34d0c4');
INSERT INTO "tags" VALUES('strategy','neuro_fuzzy','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('mode','finetune','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('symbols','EURUSD','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('run_dir','/stored/outputs/runs/2026-11-30/10-23-39-9f62','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('process','elsewhere pid:[1] 1 1','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('mlflow.runName','EURUSD-mlp-dfbfa6','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('mlflow.note.content','A single model of BUY, HOLD and SELL, for 1h bars, trained on EURUSD, on bars up to 2018-04-09. On 212 test rows: log-loss 0.648 against 0.641 without skill: it is worth nothing there.

| symbol | rows | log-loss | no-skill | prior | rule | skill | bal.acc | no-skill | MCC | Brier |
| :--- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| EURUSD | 212 | 0.648 | 0.641 | 0.641 | 0.642 | -1.2% | 0.333 | 0.333 | 0.000 | 0.351 |
','17dd36a27a89494ab8c47a7020256de4');
INSERT INTO "tags" VALUES('strategy','interrupted','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "tags" VALUES('mode','universal','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "tags" VALUES('symbols','AAPL,EURUSD','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "tags" VALUES('run_dir','/stored/outputs/runs/2026-11-30/10-24-03-305b','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "tags" VALUES('process','elsewhere pid:[1] 1 1','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "tags" VALUES('mlflow.runName','universal-mlp-91243d','d546467d70ae4a64a2e6d72359270e5b');
INSERT INTO "tags" VALUES('strategy','neuro_fuzzy','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('mode','universal','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('symbols','AAPL,EURUSD','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('git_commit','625966ff0b71bb00530d0b003b35124091ea3a33','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('run_dir','/stored/outputs/runs/2026-11-30/10-24-11-515a','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('process','elsewhere pid:[1] 1 1','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('mlflow.runName','comparison-a8d375','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('plan','49ca5a467e1c5abf','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('primary','overall','5e0f9e8bec1c4c5d929b64f16ee3dbad');
INSERT INTO "tags" VALUES('verb','compare','5e0f9e8bec1c4c5d929b64f16ee3dbad');
CREATE TABLE "trace_info" (
	request_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	timestamp_ms BIGINT NOT NULL, 
	execution_time_ms BIGINT, 
	status VARCHAR(50) NOT NULL, 
	client_request_id VARCHAR(50), 
	request_preview VARCHAR(1000), 
	response_preview VARCHAR(1000), 
	db_payload_generation INTEGER DEFAULT '0' NOT NULL, trace_name VARCHAR(4096), session_id VARCHAR(250), input_tokens BIGINT, output_tokens BIGINT, total_tokens BIGINT, cache_read_input_tokens BIGINT, cache_creation_input_tokens BIGINT, cache_creation_input_tokens_above_1hr BIGINT, input_cost FLOAT, output_cost FLOAT, total_cost FLOAT, 
	CONSTRAINT trace_info_pk PRIMARY KEY (request_id), 
	CONSTRAINT fk_trace_info_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE CASCADE
);
CREATE TABLE trace_metrics (
	request_id VARCHAR(50) NOT NULL, 
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT, 
	CONSTRAINT trace_metrics_pk PRIMARY KEY (request_id, "key"), 
	CONSTRAINT fk_trace_metrics_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_request_metadata" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_request_metadata_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_request_metadata_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE "trace_tags" (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(8000), 
	request_id VARCHAR(50) NOT NULL, 
	CONSTRAINT trace_tag_pk PRIMARY KEY ("key", request_id), 
	CONSTRAINT fk_trace_tags_request_id FOREIGN KEY(request_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
CREATE TABLE webhook_events (
	webhook_id VARCHAR(256) NOT NULL, 
	entity VARCHAR(50) NOT NULL, 
	action VARCHAR(50) NOT NULL, 
	CONSTRAINT webhook_event_pk PRIMARY KEY (webhook_id, entity, action), 
	FOREIGN KEY(webhook_id) REFERENCES webhooks (webhook_id) ON DELETE cascade
);
CREATE TABLE "webhooks" (
	webhook_id VARCHAR(256) NOT NULL, 
	name VARCHAR(256) NOT NULL, 
	description VARCHAR(1000), 
	url VARCHAR(500) NOT NULL, 
	status VARCHAR(20) DEFAULT 'ACTIVE' NOT NULL, 
	secret VARCHAR(1000), 
	creation_timestamp BIGINT, 
	last_updated_timestamp BIGINT, 
	deleted_timestamp BIGINT, 
	workspace VARCHAR(63) DEFAULT 'default' NOT NULL, 
	CONSTRAINT webhook_pk PRIMARY KEY (webhook_id)
);
CREATE TABLE workspaces (
	name VARCHAR(63) NOT NULL, 
	description TEXT, 
	default_artifact_root TEXT, trace_archival_location TEXT, trace_archival_retention VARCHAR(32), 
	CONSTRAINT workspaces_pk PRIMARY KEY (name)
);
INSERT INTO "workspaces" VALUES('default','Default workspace for legacy resources',NULL,NULL,NULL);
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_latest_metrics_run_uuid ON latest_metrics (run_uuid);
CREATE INDEX index_inputs_input_uuid ON inputs (input_uuid);
CREATE INDEX index_inputs_destination_type_destination_id_source_type ON inputs (destination_type, destination_id, source_type);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_trace_tags_request_id ON trace_tags (request_id);
CREATE INDEX index_trace_request_metadata_request_id ON trace_request_metadata (request_id);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE INDEX index_datasets_experiment_id_dataset_source_type ON datasets (experiment_id, dataset_source_type);
CREATE INDEX index_datasets_dataset_uuid ON datasets (dataset_uuid);
CREATE INDEX index_logged_model_metrics_model_id ON logged_model_metrics (model_id);
CREATE INDEX index_entity_associations_association_id ON entity_associations (association_id);
CREATE INDEX index_entity_associations_reverse_lookup ON entity_associations (destination_type, destination_id, source_type, source_id);
CREATE INDEX idx_webhook_events_entity ON webhook_events (entity);
CREATE INDEX idx_webhook_events_action ON webhook_events (action);
CREATE INDEX idx_webhook_events_entity_action ON webhook_events (entity, action);
CREATE UNIQUE INDEX index_scorers_experiment_id_scorer_name ON scorers (experiment_id, scorer_name);
CREATE INDEX index_scorer_versions_scorer_id ON scorer_versions (scorer_id);
CREATE INDEX index_evaluation_dataset_tags_dataset_id ON evaluation_dataset_tags (dataset_id);
CREATE INDEX index_evaluation_dataset_records_dataset_id ON evaluation_dataset_records (dataset_id);
CREATE INDEX index_endpoint_model_mappings_endpoint_id ON endpoint_model_mappings (endpoint_id);
CREATE INDEX index_endpoint_model_mappings_model_definition_id ON endpoint_model_mappings (model_definition_id);
CREATE INDEX index_endpoint_tags_endpoint_id ON endpoint_tags (endpoint_id);
CREATE INDEX index_trace_metrics_request_id ON trace_metrics (request_id);
CREATE UNIQUE INDEX unique_endpoint_model_linkage_mapping ON endpoint_model_mappings (endpoint_id, model_definition_id, linkage_type);
CREATE INDEX index_span_metrics_trace_id_span_id ON span_metrics (trace_id, span_id);
CREATE INDEX index_evaluation_datasets_created_time ON evaluation_datasets (created_time);
CREATE INDEX index_evaluation_datasets_name ON evaluation_datasets (name);
CREATE INDEX idx_webhooks_status ON webhooks (status);
CREATE INDEX idx_webhooks_name ON webhooks (name);
CREATE TRIGGER prevent_secrets_aad_mutation
BEFORE UPDATE ON secrets
FOR EACH ROW
WHEN OLD.secret_id != NEW.secret_id OR OLD.secret_name != NEW.secret_name
BEGIN
    SELECT RAISE(ABORT, 'secret_id and secret_name are immutable (used as AAD in encryption)');
END;
CREATE INDEX index_model_definitions_secret_id ON model_definitions (secret_id);
CREATE INDEX index_model_definitions_provider ON model_definitions (provider);
CREATE INDEX index_jobs_name_status_creation_time ON jobs (job_name, workspace, status, creation_time);
CREATE INDEX idx_experiments_workspace ON experiments (workspace);
CREATE INDEX idx_registered_models_workspace ON registered_models (workspace);
CREATE INDEX idx_experiments_workspace_creation_time ON experiments (workspace, creation_time);
CREATE INDEX idx_evaluation_datasets_workspace ON evaluation_datasets (workspace);
CREATE INDEX idx_webhooks_workspace ON webhooks (workspace);
CREATE INDEX idx_secrets_workspace ON secrets (workspace);
CREATE INDEX idx_endpoints_workspace ON endpoints (workspace);
CREATE INDEX idx_model_definitions_workspace ON model_definitions (workspace);
CREATE INDEX idx_budget_policies_workspace ON budget_policies (workspace);
CREATE INDEX index_issues_experiment_id ON issues (experiment_id);
CREATE INDEX index_issues_source_run_id ON issues (source_run_id);
CREATE INDEX index_issues_status ON issues (status);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
CREATE INDEX idx_guardrails_workspace ON guardrails (workspace);
CREATE INDEX idx_guardrails_scorer ON guardrails (scorer_id, scorer_version);
CREATE INDEX idx_guardrail_configs_endpoint_id ON guardrail_configs (endpoint_id);
CREATE INDEX idx_guardrail_configs_guardrail_id ON guardrail_configs (guardrail_id);
CREATE INDEX idx_model_version_tags_workspace_name_version ON model_version_tags (workspace, name, version);
CREATE INDEX idx_registered_model_tags_workspace_name ON registered_model_tags (workspace, name);
CREATE INDEX index_label_schemas_experiment_id ON label_schemas (experiment_id);
CREATE INDEX index_review_queues_experiment_id ON review_queues (experiment_id);
CREATE INDEX index_review_queue_users_user_id ON review_queue_users (user_id);
CREATE INDEX index_review_queue_items_queue_id_status ON review_queue_items (queue_id, status);
CREATE INDEX index_review_queue_items_item_id ON review_queue_items (item_id);
CREATE INDEX index_review_queue_label_schemas_schema_id ON review_queue_label_schemas (schema_id);
CREATE INDEX idx_mcp_server_versions_latest ON mcp_server_versions (workspace, name, status, version_major DESC, version_minor DESC, version_patch DESC);
CREATE INDEX ix_mcp_access_endpoints_server_name ON mcp_access_endpoints (workspace, server_name);
CREATE INDEX ix_mcp_access_endpoints_version ON mcp_access_endpoints (workspace, server_name, server_version);
CREATE INDEX ix_mcp_access_endpoints_alias ON mcp_access_endpoints (workspace, server_name, server_alias);
CREATE INDEX idx_budget_policies_target_value ON budget_policies (target_value);
CREATE INDEX index_trace_info_experiment_id_timestamp_ms ON trace_info (experiment_id, timestamp_ms);
CREATE INDEX index_trace_info_timestamp_ms_request_id ON trace_info (timestamp_ms, request_id);
CREATE INDEX index_assessments_assessment_type ON assessments (assessment_type);
CREATE INDEX index_assessments_run_id_created_timestamp ON assessments (run_id, created_timestamp);
CREATE INDEX index_assessments_last_updated_timestamp ON assessments (last_updated_timestamp);
CREATE INDEX index_assessments_trace_id_created_timestamp ON assessments (trace_id, created_timestamp);
CREATE INDEX index_spans_experiment_id_status_type ON spans (experiment_id, status, type);
CREATE INDEX index_spans_experiment_id_type_status ON spans (experiment_id, type, status);
CREATE INDEX index_spans_experiment_id_duration ON spans (experiment_id, duration_ns);
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX index_trace_info_experiment_id_session_id ON trace_info (experiment_id, session_id);
CREATE INDEX idx_trace_rollups_lookup ON sql_trace_metric_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, trace_status);
CREATE INDEX idx_span_cost_rollups_lookup ON sql_span_cost_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, model_name, model_provider);
CREATE INDEX idx_assessment_rollups_lookup ON sql_assessment_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set);
CREATE INDEX idx_spans_cost_trace_time_cover ON spans (trace_id, start_time_unix_nano);
CREATE INDEX idx_spans_cost_exp_time_cover ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX idx_assessments_exp_trace_ts ON assessments (experiment_id, trace_timestamp_ms);
CREATE INDEX idx_assessments_exp_trace_ts_name ON assessments (experiment_id, trace_timestamp_ms, name);
CREATE INDEX idx_assessments_exp_name_valid ON assessments (experiment_id, name, valid);
CREATE INDEX index_job_locks_job_id ON job_locks (job_id);
CREATE INDEX index_jobs_status_lease_expires_at ON jobs (status, lease_expires_at);
COMMIT;
