# GET /pets: a proxied list

resource "aws_api_gateway_method" "list" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.pets.id
  http_method          = "GET"
  authorization        = "NONE"
  operation_name       = "ListPets"
  request_validator_id = aws_api_gateway_request_validator.parameters.id
  request_parameters = {
    "method.request.querystring.page" = true
    "method.request.header.x-shop"    = false
  }
}

resource "aws_api_gateway_integration" "list" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pets.id
  http_method             = aws_api_gateway_method.list.http_method
  type                    = "HTTP"
  integration_http_method = "GET"
  uri                     = "http://${var.backend}/list"
  timeout_milliseconds    = 5000
  request_parameters = {
    "integration.request.querystring.p"  = "method.request.querystring.page"
    "integration.request.header.x-stage" = "context.stage"
  }
}

resource "aws_api_gateway_method_response" "list" {
  rest_api_id     = aws_api_gateway_rest_api.pets.id
  resource_id     = aws_api_gateway_resource.pets.id
  http_method     = aws_api_gateway_method.list.http_method
  status_code     = "200"
  response_models = { "application/json" = aws_api_gateway_model.pets.name }
  response_parameters = {
    "method.response.header.x-backend" = false
  }
}

resource "aws_api_gateway_integration_response" "list" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  resource_id = aws_api_gateway_resource.pets.id
  http_method = aws_api_gateway_integration.list.http_method
  status_code = aws_api_gateway_method_response.list.status_code
  response_parameters = {
    "method.response.header.x-backend" = "integration.response.header.x-backend"
  }
}

# POST /pets: validated and transformed

resource "aws_api_gateway_method" "create" {
  rest_api_id          = aws_api_gateway_rest_api.pets.id
  resource_id          = aws_api_gateway_resource.pets.id
  http_method          = "POST"
  authorization        = "NONE"
  request_validator_id = aws_api_gateway_request_validator.body.id
  request_models       = { "application/json" = aws_api_gateway_model.pet.name }
}

resource "aws_api_gateway_integration" "create" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pets.id
  http_method             = aws_api_gateway_method.create.http_method
  type                    = "HTTP"
  integration_http_method = "POST"
  uri                     = "http://${var.backend}/create"
  passthrough_behavior    = "WHEN_NO_TEMPLATES"
  request_templates = {
    "application/json" = "{\"title\":$input.json('$.name'),\"cents\":$input.path('$.price')}"
  }
}

resource "aws_api_gateway_method_response" "created" {
  rest_api_id     = aws_api_gateway_rest_api.pets.id
  resource_id     = aws_api_gateway_resource.pets.id
  http_method     = aws_api_gateway_method.create.http_method
  status_code     = "201"
  response_models = { "application/json" = aws_api_gateway_model.pet.name }
}

resource "aws_api_gateway_method_response" "conflict" {
  rest_api_id     = aws_api_gateway_rest_api.pets.id
  resource_id     = aws_api_gateway_resource.pets.id
  http_method     = aws_api_gateway_method.create.http_method
  status_code     = "409"
  response_models = { "application/json" = aws_api_gateway_model.problem.name }
}

resource "aws_api_gateway_integration_response" "created" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.pets.id
  http_method        = aws_api_gateway_integration.create.http_method
  status_code        = aws_api_gateway_method_response.created.status_code
  response_templates = { "application/json" = "{\"created\":$input.json('$')}" }
}

resource "aws_api_gateway_integration_response" "conflict" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.pets.id
  http_method        = aws_api_gateway_integration.create.http_method
  status_code        = aws_api_gateway_method_response.conflict.status_code
  selection_pattern  = "4\\d\\d"
  response_templates = { "application/json" = "{\"message\":\"there is one\"}" }
}

# GET and DELETE /pets/{id}: passed through

resource "aws_api_gateway_method" "get" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.pet.id
  http_method        = "GET"
  authorization      = "NONE"
  request_parameters = { "method.request.path.id" = true }
}

resource "aws_api_gateway_integration" "get" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pet.id
  http_method             = aws_api_gateway_method.get.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "GET"
  uri                     = "http://${var.backend}/get/{id}"
  cache_key_parameters    = ["method.request.path.id"]
  request_parameters      = { "integration.request.path.id" = "method.request.path.id" }
}

resource "aws_api_gateway_method_response" "get" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  resource_id = aws_api_gateway_resource.pet.id
  http_method = aws_api_gateway_method.get.http_method
  status_code = "200"
}

resource "aws_api_gateway_method" "delete" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_resource.pet.id
  http_method   = "DELETE"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "delete" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.pet.id
  http_method             = aws_api_gateway_method.delete.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "DELETE"
  uri                     = "http://${var.backend}/delete"
}

# GET /health: a mock

resource "aws_api_gateway_method" "health" {
  rest_api_id   = aws_api_gateway_rest_api.pets.id
  resource_id   = aws_api_gateway_resource.health.id
  http_method   = "GET"
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "health" {
  rest_api_id       = aws_api_gateway_rest_api.pets.id
  resource_id       = aws_api_gateway_resource.health.id
  http_method       = aws_api_gateway_method.health.http_method
  type              = "MOCK"
  request_templates = { "application/json" = "{\"statusCode\": 200}" }
}

resource "aws_api_gateway_method_response" "health" {
  rest_api_id = aws_api_gateway_rest_api.pets.id
  resource_id = aws_api_gateway_resource.health.id
  http_method = aws_api_gateway_method.health.http_method
  status_code = "200"
}

resource "aws_api_gateway_integration_response" "health" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.health.id
  http_method        = aws_api_gateway_integration.health.http_method
  status_code        = aws_api_gateway_method_response.health.status_code
  response_templates = { "application/json" = "{\"greeting\":\"${var.greeting}\",\"stage\":\"$stageVariables.name\"}" }
}

# ANY /{proxy+}: everything else

resource "aws_api_gateway_method" "proxy" {
  rest_api_id        = aws_api_gateway_rest_api.pets.id
  resource_id        = aws_api_gateway_resource.proxy.id
  http_method        = "ANY"
  authorization      = "NONE"
  request_parameters = { "method.request.path.proxy" = true }
}

resource "aws_api_gateway_integration" "proxy" {
  rest_api_id             = aws_api_gateway_rest_api.pets.id
  resource_id             = aws_api_gateway_resource.proxy.id
  http_method             = aws_api_gateway_method.proxy.http_method
  type                    = "HTTP_PROXY"
  integration_http_method = "ANY"
  uri                     = "http://${var.backend}/any/{proxy}"
  request_parameters      = { "integration.request.path.proxy" = "method.request.path.proxy" }
}
