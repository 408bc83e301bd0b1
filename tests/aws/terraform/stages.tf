# Deployments: frozen copies. A change of what they depend on makes a new one before the old one goes.

locals {
  parts = [
    aws_api_gateway_integration.list.id, aws_api_gateway_integration.create.id, aws_api_gateway_integration.get.id,
    aws_api_gateway_integration.delete.id, aws_api_gateway_integration.health.id, aws_api_gateway_integration.proxy.id,
    aws_api_gateway_integration_response.list.id, aws_api_gateway_integration_response.created.id,
    aws_api_gateway_integration_response.conflict.id, aws_api_gateway_integration_response.health.response_templates,
    aws_api_gateway_gateway_response.bad_body.id, aws_api_gateway_gateway_response.missing.id,
    aws_api_gateway_gateway_response.server_errors.id, aws_api_gateway_rest_api_policy.pets.id,
  ]
}

resource "aws_api_gateway_deployment" "current" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  description = "says ${var.greeting}"
  triggers    = { parts = sha1(jsonencode(local.parts)) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_deployment" "canary" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  description = "the canary's"
  triggers    = { parts = sha1(jsonencode(local.parts)) }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_client_certificate" "backend" {
  description = "for backends that ask"
}

resource "aws_api_gateway_stage" "prod" {
  rest_api_id           = aws_api_gateway_rest_api.pets.id
  deployment_id         = aws_api_gateway_deployment.current.id
  stage_name            = "prod"
  description           = "what customers see"
  client_certificate_id = aws_api_gateway_client_certificate.backend.id
  variables             = { name = "prod" }

  access_log_settings {
    destination_arn = "arn:aws:logs:us-east-1:${local.account}:log-group:pets"
    format          = "$context.requestId $context.status"
  }

  canary_settings {
    deployment_id            = aws_api_gateway_deployment.canary.id
    percent_traffic          = 100
    stage_variable_overrides = { name = "canary" }
  }

  tags = {
    team = "shop"
  }
}

resource "aws_api_gateway_stage" "dev" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  deployment_id = aws_api_gateway_deployment.current.id
  stage_name    = "dev"
  variables     = { name = "dev" }
}

resource "aws_api_gateway_method_settings" "all" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = "INFO"
    throttling_burst_limit = 100
    throttling_rate_limit  = 50
  }
}

resource "aws_api_gateway_method_settings" "list" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  method_path = "pets/GET"

  settings {
    throttling_burst_limit = 10
    throttling_rate_limit  = 5
  }

  depends_on = [aws_api_gateway_method_settings.all]
}

# Keys and plans

resource "aws_api_gateway_api_key" "partner" {
  name        = "partner"
  description = "for a partner"
  tags        = { team = "shop" }
}

resource "aws_api_gateway_api_key" "internal" {
  name  = "internal"
  value = "internal-key-0123456789abcdef"
}

resource "aws_api_gateway_usage_plan" "partners" {
  name        = "partners"
  description = "ten a second"

  api_stages {
    api_id = aws_api_gateway_rest_api.pets.id
    stage  = aws_api_gateway_stage.prod.stage_name

    throttle {
      path        = "/pets/GET"
      burst_limit = 5
      rate_limit  = 2
    }
  }

  throttle_settings {
    burst_limit = 20
    rate_limit  = 10
  }

  quota_settings {
    limit  = 10000
    period = "MONTH"
  }
}

resource "aws_api_gateway_usage_plan_key" "partner" {
  key_id        = aws_api_gateway_api_key.partner.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.partners.id
}

resource "aws_api_gateway_usage_plan_key" "internal" {
  key_id        = aws_api_gateway_api_key.internal.id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.partners.id
}

# A name of our own

resource "aws_api_gateway_domain_name" "shop" {
  domain_name              = "shop.example.com"
  regional_certificate_arn = "arn:aws:acm:us-east-1:${local.account}:certificate/12345678-1234-1234-1234-123456789012"
  security_policy          = "TLS_1_2"

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_base_path_mapping" "root" {
  api_id      = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.prod.stage_name
  domain_name = aws_api_gateway_domain_name.shop.domain_name
}

resource "aws_api_gateway_base_path_mapping" "dev" {
  api_id      = aws_api_gateway_rest_api.pets.id
  stage_name  = aws_api_gateway_stage.dev.stage_name
  domain_name = aws_api_gateway_domain_name.shop.domain_name
  base_path   = "dev"
}

# What it is for

resource "aws_api_gateway_documentation_part" "api" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  properties  = jsonencode({ description = "A shop for pets" })

  location {
    type = "API"
  }
}

resource "aws_api_gateway_documentation_part" "list" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  properties  = jsonencode({ description = "All pets" })

  location {
    type   = "METHOD"
    method = "GET"
    path   = "/pets"
  }
}

resource "aws_api_gateway_documentation_version" "first" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  version     = "1"
  description = "the first"

  depends_on = [aws_api_gateway_documentation_part.api, aws_api_gateway_documentation_part.list]
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = "arn:aws:iam::${local.account}:role/logs"
}

output "api_id" {
  value = aws_api_gateway_rest_api.pets.id
}
