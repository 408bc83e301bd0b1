# A REST API as teams write them: models, validators, gateway responses, an authorizer, keys, a usage plan, a domain and a canary.
# Applied to a Ringway control plane by the tests, with AWS's own provider.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "control_plane" {
  description = "Address of Ringway's control plane"
  type        = string
}

variable "backend" {
  description = "host:port of the backend"
  type        = string
}

variable "greeting" {
  description = "What the mock answers; a change of it is a new deployment"
  type        = string
  default     = "hello"
}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    apigateway = var.control_plane
  }
}

locals {
  account = "123456789012"
  # What AWS shows where no template is given; without it, every plan would want to remove it.
  message  = "{\"message\":$context.error.messageString}"
  function = "arn:aws:lambda:us-east-1:${local.account}:function:authorizer"
}

resource "aws_api_gateway_rest_api" "pets" {
  name                     = "pets"
  description              = "A shop for pets"
  binary_media_types       = ["image/png", "application/octet-stream"]
  minimum_compression_size = 1024

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  tags = {
    team = "shop"
  }
}

resource "aws_api_gateway_rest_api_policy" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "execute-api:Invoke"
      Resource  = "execute-api:/*"
    }]
  })
}

# Models and validators

resource "aws_api_gateway_model" "pet" {
  rest_api_id  = aws_api_gateway_rest_api.pets.id
  name         = "Pet"
  description  = "One pet"
  content_type = "application/json"
  schema = jsonencode({
    "$schema"  = "http://json-schema.org/draft-04/schema#"
    type       = "object"
    required   = ["name", "price"]
    properties = { name = { type = "string" }, price = { type = "number", minimum = 0 } }
  })
}

resource "aws_api_gateway_model" "pets" {
  rest_api_id  = aws_api_gateway_rest_api.pets.id
  name         = "Pets"
  content_type = "application/json"
  schema = jsonencode({
    type  = "array"
    items = { "$ref" = "https://apigateway.amazonaws.com/restapis/${aws_api_gateway_rest_api.pets.id}/models/${aws_api_gateway_model.pet.name}" }
  })
}

resource "aws_api_gateway_model" "problem" {
  rest_api_id  = aws_api_gateway_rest_api.pets.id
  name         = "Problem"
  content_type = "application/json"
  schema       = jsonencode({ type = "object", properties = { message = { type = "string" } } })
}

resource "aws_api_gateway_request_validator" "body" {
  rest_api_id           = aws_api_gateway_rest_api.pets.id
  name                  = "body"
  validate_request_body = true
}

resource "aws_api_gateway_request_validator" "parameters" {
  rest_api_id                 = aws_api_gateway_rest_api.pets.id
  name                        = "parameters"
  validate_request_parameters = true
}

# Gateway responses

resource "aws_api_gateway_gateway_response" "bad_body" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  response_type = "BAD_REQUEST_BODY"
  status_code   = "422"
  response_templates = {
    "application/json" = "{\"problem\":$context.error.validationErrorString.length()}"
  }
}

resource "aws_api_gateway_gateway_response" "missing" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  response_type = "MISSING_AUTHENTICATION_TOKEN"
  status_code   = "404"
  response_parameters = {
    "gatewayresponse.header.x-reason" = "'no such method'"
  }
  response_templates = { "application/json" = local.message }
}

resource "aws_api_gateway_gateway_response" "server_errors" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  response_type = "DEFAULT_5XX"
  response_parameters = {
    "gatewayresponse.header.access-control-allow-origin" = "'*'"
  }
  response_templates = { "application/json" = local.message }
}

# Kept for the day on which a method uses it

resource "aws_api_gateway_authorizer" "token" {
  rest_api_id                      = aws_api_gateway_rest_api.pets.id
  name                             = "token"
  type                             = "TOKEN"
  authorizer_uri                   = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/${local.function}/invocations"
  identity_source                  = "method.request.header.Authorization"
  authorizer_result_ttl_in_seconds = 60
}

# Resources

resource "aws_api_gateway_resource" "pets" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "pets"
}

resource "aws_api_gateway_resource" "pet" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_resource.pets.id
  path_part   = "{id}"
}

resource "aws_api_gateway_resource" "health" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "health"
}

resource "aws_api_gateway_resource" "proxy" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  parent_id   = aws_api_gateway_rest_api.pets.root_resource_id
  path_part   = "{proxy+}"
}
